/* libvulkan.so.1, an instance, and the best GPU that can compute. */
#include "loaders/vulkan.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

/* Larger is better; a driver on the CPU is the last choice. */
static int rank_of(VkPhysicalDeviceType type) {
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return 4;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return 3;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return 2;
  default:
    return 1;
  }
}

/* The number of a queue family that computes, or UINT32_MAX. */
static uint32_t find_family(tenon_vulkan_device *self,
                            VkPhysicalDevice physical) {
  VkQueueFamilyProperties families[16];
  uint32_t count = 16;
  self->vk.GetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
  for (uint32_t i = 0; i < count; ++i)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
      return i;
  return UINT32_MAX;
}

static tenon_status choose_physical(tenon_vulkan_device *self) {
  VkPhysicalDevice devices[16];
  uint32_t count = 16;
  VkResult result =
      self->vk.EnumeratePhysicalDevices(self->instance, &count, devices);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE)
    return TENON_DEVICE_MISSING;
  int best = 0;
  for (uint32_t i = 0; i < count; ++i) {
    VkPhysicalDeviceProperties properties;
    self->vk.GetPhysicalDeviceProperties(devices[i], &properties);
    uint32_t family = find_family(self, devices[i]);
    int rank = rank_of(properties.deviceType);
    if (family == UINT32_MAX || rank <= best ||
        properties.apiVersion < VK_API_VERSION_1_1)
      continue;
    best = rank;
    self->physical = devices[i];
    self->limits = properties.limits;
    self->family = family;
  }
  return best ? TENON_OK : TENON_DEVICE_MISSING;
}

static tenon_status make_instance(tenon_vulkan_device *self) {
  self->library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!self->library)
    return TENON_DEVICE_MISSING;
  PFN_vkGetInstanceProcAddr get =
      (PFN_vkGetInstanceProcAddr)dlsym(self->library, "vkGetInstanceProcAddr");
  PFN_vkCreateInstance create =
      get ? (PFN_vkCreateInstance)get(NULL, "vkCreateInstance") : NULL;
  if (!create)
    return TENON_DEVICE_MISSING;
  VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pEngineName = "Tenon",
                                   .apiVersion = VK_API_VERSION_1_1};
  VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                               .pApplicationInfo = &application};
  if (create(&info, NULL, &self->instance) != VK_SUCCESS) {
    self->instance = NULL;
    return TENON_DEVICE_MISSING;
  }
#define X(name)                                                                \
  if (!(self->vk.name = (PFN_vk##name)get(self->instance, "vk" #name)))        \
    return TENON_DEVICE_MISSING;
  TENON_VULKAN_INSTANCE_FUNCTIONS(X)
#undef X
  return TENON_OK;
}

static tenon_status make_device(tenon_vulkan_device *self) {
  VkPhysicalDeviceFeatures has, use = {0};
  self->vk.GetPhysicalDeviceFeatures(self->physical, &has);
  use.shaderInt64 = has.shaderInt64;
  use.shaderFloat64 = has.shaderFloat64;
  self->features = (has.shaderInt64 ? TENON_DEVICE_INT64 : 0) |
                   (has.shaderFloat64 ? TENON_DEVICE_FLOAT64 : 0);
  const float priority = 1;
  VkDeviceQueueCreateInfo queue = {
      .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
      .queueFamilyIndex = self->family,
      .queueCount = 1,
      .pQueuePriorities = &priority};
  VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                             .queueCreateInfoCount = 1,
                             .pQueueCreateInfos = &queue,
                             .pEnabledFeatures = &use};
  if (self->vk.CreateDevice(self->physical, &info, NULL, &self->device) !=
      VK_SUCCESS) {
    self->device = NULL;
    return TENON_DEVICE_FAILED;
  }
  int missing = 0;
#define X(name)                                                                \
  missing |= !(self->vk.name = (PFN_vk##name)self->vk.GetDeviceProcAddr(       \
                   self->device, "vk" #name));
  TENON_VULKAN_DEVICE_FUNCTIONS(X)
#undef X
  if (missing) {
    if (self->vk.DestroyDevice)
      self->vk.DestroyDevice(self->device, NULL);
    self->device = NULL;
    return TENON_DEVICE_FAILED;
  }
  self->vk.GetDeviceQueue(self->device, self->family, 0, &self->queue);
  return TENON_OK;
}

tenon_status tenon_vulkan_device_open(tenon_vulkan_device *self) {
  *self = (tenon_vulkan_device){0};
  tenon_status status = make_instance(self);
  if (status == TENON_OK)
    status = choose_physical(self);
  if (status == TENON_OK)
    status = make_device(self);
  return status;
}

void tenon_vulkan_device_close(tenon_vulkan_device *self) {
  if (self->device)
    self->vk.DestroyDevice(self->device, NULL);
  if (self->instance && self->vk.DestroyInstance)
    self->vk.DestroyInstance(self->instance, NULL);
  /* The library stays: drivers leave threads and handlers behind. */
  *self = (tenon_vulkan_device){0};
}
