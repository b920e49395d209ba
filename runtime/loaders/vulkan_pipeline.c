/* A kernel as a pipeline: its record at binding 0, then its buffers. */
#include "loaders/vulkan.h"

#include <stddef.h>
#include <stdlib.h>

void tenon_vulkan_free_pipeline(tenon_vulkan_device *gpu,
                                tenon_vulkan_pipeline *p) {
  gpu->vk.DestroyPipeline(gpu->device, p->handle, NULL);
  gpu->vk.DestroyPipelineLayout(gpu->device, p->layout, NULL);
  gpu->vk.DestroyDescriptorSetLayout(gpu->device, p->set, NULL);
  *p = (tenon_vulkan_pipeline){0};
}

static VkResult make_set(tenon_vulkan_device *gpu, tenon_vulkan_pipeline *p,
                         uint32_t count) {
  VkDescriptorSetLayoutBinding *bindings = calloc(count, sizeof(*bindings));
  if (!bindings)
    return VK_ERROR_OUT_OF_HOST_MEMORY;
  for (uint32_t i = 0; i < count; ++i)
    bindings[i] = (VkDescriptorSetLayoutBinding){
        .binding = i,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .descriptorCount = 1,
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
  VkDescriptorSetLayoutCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
      .bindingCount = count,
      .pBindings = bindings};
  VkResult result =
      gpu->vk.CreateDescriptorSetLayout(gpu->device, &info, NULL, &p->set);
  free(bindings);
  return result;
}

static VkResult make_handle(tenon_vulkan_device *gpu, tenon_vulkan_pipeline *p,
                            const tenon_device_kernel *kernel) {
  VkShaderModuleCreateInfo code = {
      .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
      .codeSize = (size_t)kernel->code_bytes,
      .pCode = kernel->code};
  VkShaderModule module;
  VkResult result =
      gpu->vk.CreateShaderModule(gpu->device, &code, NULL, &module);
  if (result != VK_SUCCESS)
    return result;
  VkComputePipelineCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module,
                .pName = "main"},
      .layout = p->layout};
  result = gpu->vk.CreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info,
                                          NULL, &p->handle);
  gpu->vk.DestroyShaderModule(gpu->device, module, NULL);
  return result;
}

tenon_status tenon_vulkan_make_pipeline(tenon_vulkan_device *gpu,
                                        tenon_vulkan_pipeline *p,
                                        const tenon_device_kernel *kernel) {
  uint32_t count = (uint32_t)kernel->buffers + 1;
  if (kernel->features & ~gpu->features ||
      count > gpu->limits.maxPerStageDescriptorStorageBuffers)
    return TENON_DEVICE_UNSUPPORTED;
  VkResult result = make_set(gpu, p, count);
  VkPipelineLayoutCreateInfo layout = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
      .setLayoutCount = 1,
      .pSetLayouts = &p->set};
  if (result == VK_SUCCESS)
    result =
        gpu->vk.CreatePipelineLayout(gpu->device, &layout, NULL, &p->layout);
  if (result == VK_SUCCESS)
    result = make_handle(gpu, p, kernel);
  if (result != VK_SUCCESS)
    tenon_vulkan_free_pipeline(gpu, p);
  return tenon_vulkan_status(result);
}
