// Memory that has not been written to yet.
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cstdint>

namespace cranial {

// Asks the system to give these bytes pages of 2 MiB when they are first written to, where it does so for whoever asks: pages
// of 4 KiB, each cleared and mapped by itself, take longer than to write what a large list holds. Nothing comes of it where
// the system never does, or does so anyway.
inline void prefer_huge_pages(std::uintptr_t data, std::uintptr_t bytes) {
#if defined(MADV_HUGEPAGE)
  const std::uintptr_t page = (std::uintptr_t)sysconf(_SC_PAGESIZE);
  const std::uintptr_t first = (data + page - 1) / page * page, last = (data + bytes) / page * page;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

}  // namespace cranial
