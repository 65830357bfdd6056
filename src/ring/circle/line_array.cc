#include "ring/circle/line_array.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace phoenix::ring {

namespace {

constexpr size_t kPage = 4096;
// Pieces in which memory is given back.
constexpr size_t kDropped = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;

uintptr_t rounded(uintptr_t value, size_t unit) { return (value + unit - 1) / unit * unit; }
// The last piece of less than a huge page takes small ones.
size_t mapped(size_t bytes) { return rounded(bytes, kPage); }
bool is_large(size_t bytes) { return bytes >= kHugePage; }

// Fresh zero pages, aligned to a huge page. Asks for one more than needed and gives the ends back.
void* map(size_t bytes) {
  void* start = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) std::abort();  // as operator new ends here
  const auto from = reinterpret_cast<uintptr_t>(start);
  const uintptr_t aligned = rounded(from, kHugePage);
  if (aligned > from) ::munmap(start, aligned - from);
  const uintptr_t end = from + bytes + kHugePage;
  if (end > aligned + bytes)
    ::munmap(reinterpret_cast<void*>(aligned + bytes), end - aligned - bytes);
  // A kernel without huge pages refuses; then they are small.
  ::madvise(reinterpret_cast<void*>(aligned), bytes, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

}  // namespace

ZeroedMemory::ZeroedMemory(size_t bytes) : size_(bytes) {
  if (is_large(bytes)) {
    start_ = map(mapped(bytes));
    return;
  }
  start_ = ::operator new(bytes, std::align_val_t{alignof(Line)});
  std::memset(start_, 0, bytes);
}

ZeroedMemory::~ZeroedMemory() {
  if (start_ == nullptr) return;
  if (is_large(size_)) {
    ::munmap(start_, mapped(size_));
  } else {
    ::operator delete(start_, std::align_val_t{alignof(Line)});
  }
}

void ZeroedMemory::drop_front(size_t bytes) {
  if (!is_large(size_)) return;
  const size_t end = std::min(bytes, size_) / kDropped * kDropped;
  if (end <= dropped_) return;
  ::madvise(static_cast<char*>(start_) + dropped_, end - dropped_, MADV_DONTNEED);
  dropped_ = end;
}

size_t ZeroedMemory::bytes(size_t touched) const {
  if (!is_large(size_)) return size_;
  const size_t used = rounded(std::min(touched, size_), kHugePage);
  // What was given back may be more than what was ever touched, rounded.
  return std::max(std::min(used, mapped(size_)), dropped_) - dropped_;
}

}  // namespace phoenix::ring
