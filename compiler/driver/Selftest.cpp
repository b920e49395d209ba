#include "compiler/driver/Selftest.h"

#include "compiler/driver/Session.h"

#include "llvm/Support/Errc.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;
using namespace tenon;

static constexpr int limitSeconds = 120;

/// What the child tells: a digest, or why there is none.
static void answer(int pipe, uint64_t digest, StringRef text) {
  std::string line = std::to_string(digest) + " " + text.str();
  ssize_t written = write(pipe, line.data(), line.size());
  (void)written;
}

static void runChild(const LoadedModel &model, int pipe) {
  Session session(model);
  tenon_message message;
  Error error = session.prepare();
  if (!error &&
      !tenon_bind_selftest(&session.values(), &model.info(), &message))
    error =
        createStringError(std::string(message.text), inconvertibleErrorCode());
  if (!error)
    error = session.start(1);
  if (!error)
    error = session.run();
  if (error)
    answer(pipe, 0, toString(std::move(error)));
  else
    answer(pipe, session.digest(), "");
}

/// Reads until the child closes its end; false when the time is over.
static bool readAll(int pipe, std::string &text) {
  char buffer[512];
  for (;;) {
    pollfd entry = {pipe, POLLIN, 0};
    int ready = poll(&entry, 1, limitSeconds * 1000);
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      return false;
    ssize_t count = read(pipe, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return true;
    text.append(buffer, count);
  }
}

Error tenon::addSelftest(CompiledModel &model, Diagnostics &diagnostics) {
  model.interface.selftestSeed = 1;
  Expected<LoadedModel> loaded = LoadedModel::link(model);
  if (!loaded)
    return loaded.takeError();
  int ends[2];
  if (pipe(ends))
    return createStringError(errc::io_error, "no pipe for the self-test");
  pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    diagnostics.add(Message::Note, "no self-test: no process for it");
    return Error::success();
  }
  if (child == 0) {
    close(ends[0]);
    // A crash is reported by the parent, in one line.
    for (int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
      std::signal(number, SIG_DFL);
    runChild(*loaded, ends[1]);
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  bool inTime = readAll(ends[0], text);
  close(ends[0]);
  if (!inTime)
    kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  if (!inTime) {
    diagnostics.add(Message::Note, "no self-test: a run takes more than " +
                                       Twine(limitSeconds) + " s");
    return Error::success();
  }
  if (WIFSIGNALED(status))
    return createStringError(errc::invalid_argument,
                             Twine("the compiled model crashed in its "
                                   "self-test: ") +
                                 strsignal(WTERMSIG(status)));
  auto [digest, why] = StringRef(text).split(' ');
  if (!why.empty()) {
    diagnostics.add(Message::Note, "no self-test: " + why);
    return Error::success();
  }
  uint64_t value = 0;
  if (digest.getAsInteger(10, value))
    return createStringError(errc::invalid_argument,
                             "the self-test gave no answer");
  model.interface.selftestDigest = value;
  model.forgetApi();
  return Error::success();
}
