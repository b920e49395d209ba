#include "compiler/tenonc/SuiteWorkers.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Process.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;
using namespace tenon;

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

//===----------------------------------------------------------------------===//
// The worker
//===----------------------------------------------------------------------===//

static void writeAll(int file, StringRef text) {
  while (!text.empty()) {
    ssize_t count = write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      _exit(1); // nobody listens
    text = text.drop_front(count);
  }
}

/// JSON has no infinity.
static json::Value number(double value) {
  if (value > 1e308)
    value = 1e308;
  return value;
}

[[noreturn]] static void work(const SuiteOptions &options,
                              ArrayRef<SuiteCase> cases, ArrayRef<size_t> chunk,
                              int pipe) {
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    std::signal(signal, SIG_DFL);
  // What goes wrong here is told by the parent, once per case.
  int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDERR_FILENO);
  for (size_t at : chunk) {
    writeAll(pipe, formatv("begin {0}\n", at).str());
    Clock::time_point begin = Clock::now();
    SuiteResult result = runCase(options, cases[at]);
    json::Array bound;
    for (const std::string &name : result.bound)
      bound.push_back(json::fixUTF8(name));
    json::Object line{{"case", int64_t(at)},
                      {"problem", json::fixUTF8(result.problem)},
                      {"seconds", secondsSince(begin)},
                      {"max_abs", number(result.difference.maxAbs)},
                      {"max_rel", number(result.difference.maxRel)},
                      {"max_ulp", std::to_string(result.difference.maxUlp)},
                      {"bound", std::move(bound)},
                      {"other_sizes", result.atOtherSizes}};
    std::string text;
    raw_string_ostream(text) << json::Value(std::move(line)) << '\n';
    writeAll(pipe, text);
  }
  _exit(0);
}

//===----------------------------------------------------------------------===//
// The parent
//===----------------------------------------------------------------------===//

namespace {
class Workers {
public:
  Workers(const SuiteOptions &options, ArrayRef<SuiteCase> cases)
      : options(options), cases(cases), results(cases.size()) {
    for (size_t i = 0; i < cases.size(); ++i)
      waiting.push_back(i);
  }

  std::vector<SuiteResult> run();

private:
  struct Worker {
    pid_t process;
    int pipe;
    std::deque<size_t> chunk; // not done yet
    std::string text;         // not read yet
    Clock::time_point begin;
    bool busy = false; // with chunk.front()
  };

  void start();
  /// False when the worker has ended.
  bool read(Worker &worker);
  void readLine(Worker &worker, StringRef line);
  void end(Worker &worker, bool isLate);
  void finish(size_t at, SuiteResult result);

  const SuiteOptions &options;
  ArrayRef<SuiteCase> cases;
  std::vector<SuiteResult> results;
  std::deque<size_t> waiting;
  std::vector<Worker> workers;
  size_t done = 0, failed = 0;
};
} // namespace

void Workers::start() {
  // Large at first, small at the end, so that all end together.
  size_t count = waiting.size() / (options.jobs * 4) + 1;
  count = std::min<size_t>({count, 50, waiting.size()});
  std::vector<size_t> chunk(waiting.begin(), waiting.begin() + count);
  int ends[2];
  if (pipe(ends))
    return;
  pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    for (Worker &other : workers)
      close(other.pipe);
    work(options, cases, chunk, ends[1]);
  }
  close(ends[1]);
  if (process < 0) {
    close(ends[0]);
    return;
  }
  waiting.erase(waiting.begin(), waiting.begin() + count);
  Worker worker;
  worker.process = process;
  worker.pipe = ends[0];
  worker.chunk.assign(chunk.begin(), chunk.end());
  worker.begin = Clock::now();
  workers.push_back(std::move(worker));
}

void Workers::finish(size_t at, SuiteResult result) {
  failed += !result.problem.empty();
  results[at] = std::move(result);
  ++done;
  if (sys::Process::StandardErrIsDisplayed())
    errs() << formatv("\r{0} of {1} cases, {2} do not pass ", done,
                      cases.size(), failed);
}

void Workers::readLine(Worker &worker, StringRef line) {
  if (line.starts_with("begin ")) {
    worker.busy = true;
    worker.begin = Clock::now();
    return;
  }
  Expected<json::Value> value = json::parse(line);
  const json::Object *object = value ? value->getAsObject() : nullptr;
  if (!object) {
    if (!value)
      consumeError(value.takeError());
    return;
  }
  SuiteResult result;
  result.problem = object->getString("problem").value_or("").str();
  result.seconds = object->getNumber("seconds").value_or(0);
  result.difference.maxAbs = object->getNumber("max_abs").value_or(0);
  result.difference.maxRel = object->getNumber("max_rel").value_or(0);
  object->getString("max_ulp").value_or("0").getAsInteger(
      10, result.difference.maxUlp);
  result.atOtherSizes = object->getBoolean("other_sizes").value_or(false);
  if (const json::Array *bound = object->getArray("bound"))
    for (const json::Value &name : *bound)
      result.bound.push_back(name.getAsString().value_or("").str());
  finish(worker.chunk.front(), std::move(result));
  worker.chunk.pop_front();
  worker.busy = false;
  worker.begin = Clock::now();
}

bool Workers::read(Worker &worker) {
  char buffer[4096];
  ssize_t count = ::read(worker.pipe, buffer, sizeof(buffer));
  if (count < 0 && errno == EINTR)
    return true;
  if (count <= 0)
    return false;
  worker.text.append(buffer, count);
  for (size_t end; (end = worker.text.find('\n')) != std::string::npos;) {
    std::string line = worker.text.substr(0, end);
    worker.text.erase(0, end + 1);
    readLine(worker, line);
  }
  return true;
}

void Workers::end(Worker &worker, bool isLate) {
  if (isLate)
    kill(worker.process, SIGKILL);
  close(worker.pipe);
  int status = 0;
  while (waitpid(worker.process, &status, 0) < 0 && errno == EINTR)
    ;
  if (worker.chunk.empty())
    return;
  SuiteResult result;
  result.crashed = true;
  result.seconds = secondsSince(worker.begin);
  if (isLate)
    result.problem = formatv("takes more than {0} s", options.secondsPerCase);
  else if (WIFSIGNALED(status))
    result.problem = std::string("crashed: ") + strsignal(WTERMSIG(status));
  else
    result.problem = formatv("crashed: exit code {0}", WEXITSTATUS(status));
  finish(worker.chunk.front(), std::move(result));
  worker.chunk.pop_front();
  waiting.insert(waiting.begin(), worker.chunk.begin(), worker.chunk.end());
}

std::vector<SuiteResult> Workers::run() {
  while (!waiting.empty() || !workers.empty()) {
    while (workers.size() < options.jobs && !waiting.empty()) {
      size_t before = workers.size();
      start();
      if (workers.size() == before)
        break;
    }
    if (workers.empty()) {
      for (size_t at : waiting) {
        SuiteResult result;
        result.problem = "no process could be started";
        finish(at, std::move(result));
      }
      break;
    }
    std::vector<pollfd> entries;
    for (const Worker &worker : workers)
      entries.push_back({worker.pipe, POLLIN, 0});
    poll(entries.data(), entries.size(), 200);
    for (size_t i = workers.size(); i-- > 0;) {
      bool isLate = secondsSince(workers[i].begin) > options.secondsPerCase;
      bool alive = true;
      if (entries[i].revents)
        alive = read(workers[i]);
      if (alive && (!isLate || entries[i].revents))
        continue;
      end(workers[i], isLate && alive);
      workers.erase(workers.begin() + i);
    }
  }
  if (sys::Process::StandardErrIsDisplayed())
    errs() << "\r\033[K";
  return std::move(results);
}

std::vector<SuiteResult> tenon::runSuite(const SuiteOptions &options,
                                         ArrayRef<SuiteCase> cases) {
  return Workers(options, cases).run();
}
