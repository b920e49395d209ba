/* Memory that both the host and the GPU see. */
#include "loaders/vulkan.h"

#include <stddef.h>

void tenon_vulkan_free(tenon_vulkan_device *gpu, tenon_vulkan_buffer *b) {
  if (b->handle)
    gpu->vk.DestroyBuffer(gpu->device, b->handle, NULL);
  if (b->memory)
    gpu->vk.FreeMemory(gpu->device, b->memory, NULL);
  *b = (tenon_vulkan_buffer){0};
}

/* On the device's own memory if the host sees that, else the host's. */
static uint32_t memory_type(tenon_vulkan_device *gpu, uint32_t allowed) {
  VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                 VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  VkPhysicalDeviceMemoryProperties p;
  gpu->vk.GetPhysicalDeviceMemoryProperties(gpu->physical, &p);
  for (int local = 1; local >= 0; --local)
    for (uint32_t i = 0; i < p.memoryTypeCount; ++i) {
      VkMemoryPropertyFlags flags = p.memoryTypes[i].propertyFlags;
      if (allowed >> i & 1 && (flags & wanted) == wanted &&
          (!local || flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT))
        return i;
    }
  return UINT32_MAX;
}

tenon_status tenon_vulkan_reserve(tenon_vulkan_device *gpu,
                                  tenon_vulkan_buffer *b, uint64_t bytes) {
  /* Kernels touch bytes as parts of whole words. */
  bytes = (bytes + TENON_VULKAN_ALIGNMENT) &
          ~(uint64_t)(TENON_VULKAN_ALIGNMENT - 1);
  if (b->handle && b->bytes >= bytes)
    return TENON_OK;
  tenon_vulkan_free(gpu, b);
  /* What lies behind the largest range cannot be reached by a kernel. */
  if (bytes > gpu->limits.maxStorageBufferRange)
    return TENON_DEVICE_UNSUPPORTED;
  VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                             .size = bytes,
                             .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
  VkResult result = gpu->vk.CreateBuffer(gpu->device, &info, NULL, &b->handle);
  if (result != VK_SUCCESS)
    return tenon_vulkan_status(result);
  VkMemoryRequirements needs;
  gpu->vk.GetBufferMemoryRequirements(gpu->device, b->handle, &needs);
  VkMemoryAllocateInfo allocate = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
      .allocationSize = needs.size,
      .memoryTypeIndex = memory_type(gpu, needs.memoryTypeBits)};
  if (allocate.memoryTypeIndex == UINT32_MAX)
    return TENON_DEVICE_UNSUPPORTED;
  result = gpu->vk.AllocateMemory(gpu->device, &allocate, NULL, &b->memory);
  if (result == VK_SUCCESS)
    result = gpu->vk.BindBufferMemory(gpu->device, b->handle, b->memory, 0);
  if (result == VK_SUCCESS)
    result = gpu->vk.MapMemory(gpu->device, b->memory, 0, VK_WHOLE_SIZE, 0,
                               &b->mapped);
  b->bytes = bytes;
  return tenon_vulkan_status(result);
}
