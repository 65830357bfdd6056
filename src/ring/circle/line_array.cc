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

size_t bytes_of(size_t lines) { return lines * sizeof(Line); }
uintptr_t rounded(uintptr_t value, size_t unit) { return (value + unit - 1) / unit * unit; }
// The last piece of less than a huge page takes small ones.
size_t mapped(size_t lines) { return rounded(bytes_of(lines), kPage); }
bool is_large(size_t size) { return bytes_of(size) >= kHugePage; }

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

LineArray::LineArray(size_t size) : size_(size) {
  if (is_large(size)) {
    lines_ = static_cast<Line*>(map(mapped(size)));
    return;
  }
  void* memory = ::operator new(bytes_of(size), std::align_val_t{alignof(Line)});
  std::memset(memory, 0, bytes_of(size));
  lines_ = static_cast<Line*>(memory);
}

LineArray::~LineArray() {
  if (lines_ == nullptr) return;
  if (is_large(size_)) {
    ::munmap(lines_, mapped(size_));
  } else {
    ::operator delete(lines_, std::align_val_t{alignof(Line)});
  }
}

void LineArray::drop_front(size_t count) {
  if (!is_large(size_)) return;
  const size_t end = bytes_of(std::min(count, size_)) / kDropped * kDropped;
  if (end <= dropped_) return;
  ::madvise(reinterpret_cast<char*>(lines_) + dropped_, end - dropped_, MADV_DONTNEED);
  dropped_ = end;
}

size_t LineArray::bytes(size_t touched) const {
  const size_t used = bytes_of(std::min(touched, size_));
  if (!is_large(size_)) return bytes_of(size_);
  return std::min(rounded(used, kHugePage), mapped(size_)) - dropped_;
}

}  // namespace phoenix::ring
