/* Runs the steps of a model on a GPU through Vulkan 1.1:
 *
 *   begin     inputs are copied to their buffers
 *   dispatch  a step joins the batch: its record, a descriptor set, a barrier
 *   end       the batch is submitted and waited for; outputs are copied back
 *
 * A batch that is full is submitted on the way. libvulkan.so.1 is loaded when
 * a model starts, so nothing is linked; unlike the core this file uses a C
 * library's dlopen and malloc. Memory is visible to the host: right on every
 * device, and without copies where GPU and CPU share it. */
#include "loaders/vulkan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
  batch_steps = 256,
  batch_buffers = batch_steps * 16,
  record_alignment = TENON_VULKAN_ALIGNMENT,
  record_area = batch_steps * 2 * record_alignment
};

typedef struct tenon_vulkan {
  const tenon_model_info *info;
  tenon_vulkan_device gpu;
  VkCommandPool commands;
  VkCommandBuffer command;
  VkFence fence;
  VkDescriptorPool descriptors;
  VkPipeline bound;
  tenon_vulkan_pipeline *pipelines; /* by kernel number */
  tenon_vulkan_buffer
      *bases; /* as in tenon_lane: slots, weights, inputs, outputs */
  tenon_vulkan_buffer records;
  int64_t *dims; /* room for the sizes of all outputs */
  const int64_t *symbols;
  /* The batch. */
  int32_t steps;
  uint32_t used;   /* bytes of records */
  int32_t buffers; /* in descriptor sets */
  struct {
    tenon_index node;
    uint32_t record;
  } batch[batch_steps];
  tenon_status status;
  tenon_index failed_step;
} tenon_vulkan;

/* The first error stays; an out-of-memory is one that the user can act on. */
static tenon_status check(tenon_vulkan *self, VkResult result) {
  if (result == VK_SUCCESS)
    return self->status;
  if (self->status == TENON_OK)
    self->status = tenon_vulkan_status(result);
  return self->status;
}

/* Makes `b` hold at least `bytes`. */
static tenon_status reserve(tenon_vulkan *self, tenon_vulkan_buffer *b,
                            uint64_t bytes) {
  tenon_status status = tenon_vulkan_reserve(&self->gpu, b, bytes);
  return status ? self->status = status : TENON_OK;
}

/*===- Sizes ----------------------------------------------------------------*/

static uint64_t element_bytes(int32_t type) {
  switch (type) {
  case TENON_F32:
  case TENON_I32:
  case TENON_U32:
    return 4;
  case TENON_F64:
  case TENON_I64:
  case TENON_U64:
    return 8;
  case TENON_F16:
  case TENON_BF16:
  case TENON_I16:
  case TENON_U16:
    return 2;
  default:
    return 1;
  }
}

static uint64_t tensor_bytes(const tenon_tensor_info *tensor,
                             const int64_t *symbols, const int64_t *dims) {
  uint64_t bytes = element_bytes(tensor->type);
  for (int32_t i = 0; i < tensor->rank; ++i) {
    int64_t d = tensor->dims[i];
    if (dims)
      d = dims[i];
    else if (d < 0)
      d = symbols[-1 - d];
    bytes *= (uint64_t)d;
  }
  return bytes;
}

/*===- Batches --------------------------------------------------------------*/

static tenon_status start_batch(tenon_vulkan *self) {
  VkCommandBufferBeginInfo begin = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
  self->bound = VK_NULL_HANDLE;
  self->used = 0;
  self->buffers = 0;
  check(self, self->gpu.vk.ResetDescriptorPool(self->gpu.device,
                                               self->descriptors, 0));
  return check(self, self->gpu.vk.BeginCommandBuffer(self->command, &begin));
}

/* What a step wrote is there for the next one, or for the host. */
static void wait_for_writes(tenon_vulkan *self, VkPipelineStageFlags stage,
                            VkAccessFlags access) {
  VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                             .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                             .dstAccessMask = access};
  self->gpu.vk.CmdPipelineBarrier(self->command,
                                  VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, stage,
                                  0, 1, &barrier, 0, NULL, 0, NULL);
}

static tenon_status flush(tenon_vulkan *self) {
  if (self->steps == 0)
    return self->status;
  wait_for_writes(self, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
  check(self, self->gpu.vk.EndCommandBuffer(self->command));
  VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &self->command};
  int32_t steps = self->steps;
  self->steps = 0;
  if (self->status ||
      check(self, self->gpu.vk.QueueSubmit(self->gpu.queue, 1, &submit,
                                           self->fence)) ||
      check(self, self->gpu.vk.WaitForFences(self->gpu.device, 1, &self->fence,
                                             VK_TRUE, UINT64_MAX)) ||
      check(self, self->gpu.vk.ResetFences(self->gpu.device, 1, &self->fence)))
    return self->status;
  for (int32_t i = 0; i < steps; ++i) {
    const uint32_t *record = (const void *)((const char *)self->records.mapped +
                                            self->batch[i].record);
    if (record[0] != TENON_OK) {
      self->failed_step = self->batch[i].node;
      return self->status = (tenon_status)record[0];
    }
  }
  return TENON_OK;
}

/* Status, tiles and the step's words; a size that 32 bits cannot hold is
 * refused. Constants are the bits of a float32 and may be either. */
static bool write_record(const tenon_step *step, uint32_t *record) {
  const tenon_device_kernel *kernel = step->device_kernel;
  const tenon_index *args = step->args + 2 * kernel->buffers;
  if (step->tiles > INT32_MAX)
    return false;
  record[0] = TENON_OK;
  record[1] = (uint32_t)step->tiles;
  for (int32_t i = 2; i < kernel->words; ++i) {
    int64_t word = *args++;
    if (word < INT32_MIN || word > (int64_t)UINT32_MAX)
      return false;
    record[i] = (uint32_t)word;
  }
  return true;
}

static void bind(tenon_vulkan *self, VkDescriptorSet set, uint32_t binding,
                 const tenon_vulkan_buffer *b, uint64_t offset) {
  VkDescriptorBufferInfo info = {b->handle, offset, b->bytes - offset};
  VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                .dstSet = set,
                                .dstBinding = binding,
                                .descriptorCount = 1,
                                .descriptorType =
                                    VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                .pBufferInfo = &info};
  self->gpu.vk.UpdateDescriptorSets(self->gpu.device, 1, &write, 0, NULL);
}

tenon_status tenon_vulkan_dispatch(void *state, const tenon_step *step) {
  tenon_vulkan *self = state;
  const tenon_device_kernel *kernel = step->device_kernel;
  uint32_t bytes = ((uint32_t)kernel->words * 4 + record_alignment - 1) &
                   ~(uint32_t)(record_alignment - 1);
  if (self->steps == batch_steps || self->used + bytes > record_area ||
      self->buffers + kernel->buffers + 1 > batch_buffers)
    flush(self);
  tenon_vulkan_pipeline *p = &self->pipelines[kernel->number];
  if (self->status == TENON_OK && !p->handle) {
    self->status = tenon_vulkan_make_pipeline(&self->gpu, p, kernel);
    if (self->status)
      self->failed_step = step->node;
  }
  if (self->status == TENON_OK && self->steps == 0)
    start_batch(self);
  VkDescriptorSet set;
  VkDescriptorSetAllocateInfo allocate = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
      .descriptorPool = self->descriptors,
      .descriptorSetCount = 1,
      .pSetLayouts = &p->set};
  if (self->status || check(self, self->gpu.vk.AllocateDescriptorSets(
                                      self->gpu.device, &allocate, &set)))
    return self->status;
  if (!write_record(step,
                    (void *)((char *)self->records.mapped + self->used))) {
    self->failed_step = step->node;
    return self->status = TENON_SIZE_OUT_OF_BOUNDS;
  }
  bind(self, set, 0, &self->records, self->used);
  for (int32_t i = 0; i < kernel->buffers; ++i)
    bind(self, set, (uint32_t)i + 1, &self->bases[step->args[2 * i]],
         (uint64_t)step->args[2 * i + 1]);
  if (self->steps)
    wait_for_writes(self, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                    VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
  if (self->bound != p->handle)
    self->gpu.vk.CmdBindPipeline(self->command, VK_PIPELINE_BIND_POINT_COMPUTE,
                                 p->handle);
  self->bound = p->handle;
  self->gpu.vk.CmdBindDescriptorSets(self->command,
                                     VK_PIPELINE_BIND_POINT_COMPUTE, p->layout,
                                     0, 1, &set, 0, NULL);
  uint32_t most = self->gpu.limits.maxComputeWorkGroupCount[0];
  uint32_t tiles = (uint32_t)step->tiles;
  self->gpu.vk.CmdDispatch(self->command, tiles < most ? tiles : most, 1, 1);
  self->batch[self->steps].node = step->node;
  self->batch[self->steps++].record = self->used;
  self->used += bytes;
  self->buffers += kernel->buffers + 1;
  return TENON_OK;
}

/*===- Runs -----------------------------------------------------------------*/

tenon_status tenon_vulkan_begin(void *state, const int64_t *symbols,
                                void *const *bases) {
  tenon_vulkan *self = state;
  const tenon_model_info *info = self->info;
  self->status = TENON_OK;
  self->failed_step = -1;
  self->steps = 0;
  self->symbols = symbols;
  int32_t at = 2;
  for (int32_t i = 0; i < info->input_count; ++i, ++at) {
    uint64_t bytes = tensor_bytes(&info->inputs[i], symbols, NULL);
    if (reserve(self, &self->bases[at], bytes))
      return self->status;
    memcpy(self->bases[at].mapped, bases[at], bytes);
  }
  info->output_dims(symbols, self->dims);
  const int64_t *dims = self->dims;
  for (int32_t i = 0; i < info->output_count; ++i, ++at) {
    if (reserve(self, &self->bases[at],
                tensor_bytes(&info->outputs[i], symbols, dims)))
      return self->status;
    dims += info->outputs[i].rank;
  }
  return TENON_OK;
}

tenon_status tenon_vulkan_end(void *state, void *const *bases,
                              tenon_index *failed_step) {
  tenon_vulkan *self = state;
  const tenon_model_info *info = self->info;
  flush(self);
  *failed_step = self->failed_step;
  if (self->status)
    return self->status;
  const int64_t *dims = self->dims;
  int32_t at = 2 + info->input_count;
  for (int32_t i = 0; i < info->output_count; ++i, ++at) {
    memcpy(bases[at], self->bases[at].mapped,
           tensor_bytes(&info->outputs[i], self->symbols, dims));
    dims += info->outputs[i].rank;
  }
  return TENON_OK;
}

/*===- Life -----------------------------------------------------------------*/

void tenon_vulkan_close(void *state) {
  tenon_vulkan *self = state;
  if (!self)
    return;
  const tenon_vulkan_functions *vk = &self->gpu.vk;
  VkDevice device = self->gpu.device;
  if (device) {
    const tenon_model_info *info = self->info;
    for (int32_t i = 0; i < info->device->kernel_count && self->pipelines; ++i)
      tenon_vulkan_free_pipeline(&self->gpu, &self->pipelines[i]);
    int32_t bases = 2 + info->input_count + info->output_count;
    for (int32_t i = 0; i < bases && self->bases; ++i)
      tenon_vulkan_free(&self->gpu, &self->bases[i]);
    tenon_vulkan_free(&self->gpu, &self->records);
    vk->DestroyDescriptorPool(device, self->descriptors, NULL);
    vk->DestroyFence(device, self->fence, NULL);
    vk->DestroyCommandPool(device, self->commands, NULL);
  }
  tenon_vulkan_device_close(&self->gpu);
  free(self->pipelines);
  free(self->bases);
  free(self->dims);
  free(self);
}

/* What a batch needs of the device. */
static tenon_status make_batch(tenon_vulkan *self) {
  const tenon_vulkan_functions *vk = &self->gpu.vk;
  VkDevice device = self->gpu.device;
  VkCommandPoolCreateInfo pool = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
      .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
      .queueFamilyIndex = self->gpu.family};
  if (check(self, vk->CreateCommandPool(device, &pool, NULL, &self->commands)))
    return self->status;
  VkCommandBufferAllocateInfo command = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
      .commandPool = self->commands,
      .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
      .commandBufferCount = 1};
  VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                               batch_buffers};
  VkDescriptorPoolCreateInfo sets = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
      .maxSets = batch_steps,
      .poolSizeCount = 1,
      .pPoolSizes = &size};
  check(self, vk->AllocateCommandBuffers(device, &command, &self->command));
  check(self, vk->CreateFence(device, &fence, NULL, &self->fence));
  check(self,
        vk->CreateDescriptorPool(device, &sets, NULL, &self->descriptors));
  return self->status;
}

tenon_status tenon_vulkan_open(void **state, const tenon_model_info *info,
                               const void *weights) {
  *state = NULL;
  tenon_vulkan *self = calloc(1, sizeof(*self));
  if (!self)
    return TENON_DEVICE_MEMORY;
  self->info = info;
  size_t bases = 2 + (size_t)info->input_count + (size_t)info->output_count;
  size_t dims = 1;
  for (int32_t i = 0; i < info->output_count; ++i)
    dims += (size_t)info->outputs[i].rank;
  self->status = tenon_vulkan_device_open(&self->gpu);
  self->bases = calloc(bases, sizeof(*self->bases));
  self->dims = calloc(dims, sizeof(*self->dims));
  self->pipelines =
      calloc((size_t)info->device->kernel_count + 1, sizeof(*self->pipelines));
  if (self->status == TENON_OK &&
      !(self->bases && self->dims && self->pipelines))
    self->status = TENON_DEVICE_MEMORY;
  if (self->status == TENON_OK && make_batch(self) == TENON_OK &&
      reserve(self, &self->records, record_area) == TENON_OK &&
      reserve(self, &self->bases[0], info->device->slot_bytes) == TENON_OK &&
      reserve(self, &self->bases[1], info->weight_bytes) == TENON_OK) {
    if (info->weight_bytes)
      memcpy(self->bases[1].mapped, weights, info->weight_bytes);
    *state = self;
    return TENON_OK;
  }
  tenon_status status = self->status;
  tenon_vulkan_close(self);
  return status;
}
