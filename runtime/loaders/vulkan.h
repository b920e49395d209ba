/* Vulkan's functions, found at run time, and a device to call them on. */
#ifndef TENON_LOADERS_VULKAN_H
#define TENON_LOADERS_VULKAN_H

#include "tenon/abi.h"

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#define TENON_VULKAN_INSTANCE_FUNCTIONS(X)                                     \
  X(DestroyInstance)                                                           \
  X(EnumeratePhysicalDevices)                                                  \
  X(GetPhysicalDeviceProperties)                                               \
  X(GetPhysicalDeviceFeatures)                                                 \
  X(GetPhysicalDeviceMemoryProperties)                                         \
  X(GetPhysicalDeviceQueueFamilyProperties)                                    \
  X(CreateDevice)                                                              \
  X(GetDeviceProcAddr)

#define TENON_VULKAN_DEVICE_FUNCTIONS(X)                                       \
  X(DestroyDevice)                                                             \
  X(GetDeviceQueue)                                                            \
  X(CreateBuffer)                                                              \
  X(DestroyBuffer)                                                             \
  X(GetBufferMemoryRequirements)                                               \
  X(AllocateMemory)                                                            \
  X(FreeMemory)                                                                \
  X(BindBufferMemory)                                                          \
  X(MapMemory)                                                                 \
  X(CreateDescriptorSetLayout)                                                 \
  X(DestroyDescriptorSetLayout)                                                \
  X(CreatePipelineLayout)                                                      \
  X(DestroyPipelineLayout)                                                     \
  X(CreateShaderModule)                                                        \
  X(DestroyShaderModule)                                                       \
  X(CreateComputePipelines)                                                    \
  X(DestroyPipeline)                                                           \
  X(CreateDescriptorPool)                                                      \
  X(DestroyDescriptorPool)                                                     \
  X(ResetDescriptorPool)                                                       \
  X(AllocateDescriptorSets)                                                    \
  X(UpdateDescriptorSets)                                                      \
  X(CreateCommandPool)                                                         \
  X(DestroyCommandPool)                                                        \
  X(AllocateCommandBuffers)                                                    \
  X(BeginCommandBuffer)                                                        \
  X(EndCommandBuffer)                                                          \
  X(CmdBindPipeline)                                                           \
  X(CmdBindDescriptorSets)                                                     \
  X(CmdPipelineBarrier)                                                        \
  X(CmdDispatch)                                                               \
  X(CreateFence)                                                               \
  X(DestroyFence)                                                              \
  X(WaitForFences)                                                             \
  X(ResetFences)                                                               \
  X(QueueSubmit)

typedef struct tenon_vulkan_functions {
#define X(name) PFN_vk##name name;
  TENON_VULKAN_INSTANCE_FUNCTIONS(X)
  TENON_VULKAN_DEVICE_FUNCTIONS(X)
#undef X
} tenon_vulkan_functions;

typedef struct tenon_vulkan_device {
  void *library;
  tenon_vulkan_functions vk;
  VkInstance instance;
  VkPhysicalDevice physical;
  VkPhysicalDeviceLimits limits;
  uint32_t family;   /* of the queue */
  uint32_t features; /* bits of tenon_device_feature */
  VkDevice device;
  VkQueue queue;
} tenon_vulkan_device;

/* Loads Vulkan and opens the best GPU there is. What was opened before an
 * error is closed by tenon_vulkan_device_close. */
tenon_status tenon_vulkan_device_open(tenon_vulkan_device *self);
void tenon_vulkan_device_close(tenon_vulkan_device *self);

/* What a failed call of Vulkan means. */
static inline tenon_status tenon_vulkan_status(VkResult result) {
  return result == VK_SUCCESS ? TENON_OK
         : result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
                 result == VK_ERROR_OUT_OF_HOST_MEMORY
             ? TENON_DEVICE_MEMORY
             : TENON_DEVICE_FAILED;
}

/* Where every device can bind a buffer: Vulkan's largest value for
 * minStorageBufferOffsetAlignment. */
enum { TENON_VULKAN_ALIGNMENT = 256 };

typedef struct tenon_vulkan_buffer {
  VkBuffer handle;
  VkDeviceMemory memory;
  void *mapped;
  uint64_t bytes;
} tenon_vulkan_buffer;

/* Makes `b` hold at least `bytes`; what it held may be lost. */
tenon_status tenon_vulkan_reserve(tenon_vulkan_device *gpu,
                                  tenon_vulkan_buffer *b, uint64_t bytes);
void tenon_vulkan_free(tenon_vulkan_device *gpu, tenon_vulkan_buffer *b);

typedef struct tenon_vulkan_pipeline {
  VkDescriptorSetLayout set;
  VkPipelineLayout layout;
  VkPipeline handle;
} tenon_vulkan_pipeline;

/* Makes all of it or nothing. */
tenon_status tenon_vulkan_make_pipeline(tenon_vulkan_device *gpu,
                                        tenon_vulkan_pipeline *p,
                                        const tenon_device_kernel *kernel);
void tenon_vulkan_free_pipeline(tenon_vulkan_device *gpu,
                                tenon_vulkan_pipeline *p);

/* The functions of tenon_device. */
tenon_status tenon_vulkan_open(void **state, const tenon_model_info *info,
                               const void *weights);
tenon_status tenon_vulkan_begin(void *state, const int64_t *symbols,
                                void *const *bases);
tenon_status tenon_vulkan_dispatch(void *state, const tenon_step *step);
tenon_status tenon_vulkan_end(void *state, void *const *bases,
                              tenon_index *failed_step);
void tenon_vulkan_close(void *state);

#endif /* TENON_LOADERS_VULKAN_H */
