// A host's name and meta, one after the other in a block that never changes. Copies share the
// block; whoever holds many tables of the same hosts (a simulated pool has one in each host) makes
// equal texts share it too, by a HostTexts, so that a thousand tables keep a thousand texts instead
// of a million. Values of one thread: the count of uses is a plain number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace phoenix::gossip {

class HostText {
 public:
  static constexpr size_t kLongestName = 255, kLongestMeta = 65'535;  // bytes

  HostText() = default;  // both empty
  // Requires: not longer than the above.
  HostText(std::string_view name, std::string_view meta);
  HostText(const HostText& other) : block_(other.block_) {
    if (block_ != nullptr) ++block_->uses;
  }
  HostText(HostText&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  HostText& operator=(HostText other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~HostText() {
    if (block_ != nullptr && --block_->uses == 0) destroy();
  }

  std::string_view name() const {
    return block_ == nullptr ? std::string_view() : std::string_view(bytes(), block_->name_size);
  }
  std::string_view meta() const {
    return block_ == nullptr ? std::string_view()
                             : std::string_view(bytes() + block_->name_size, block_->meta_size);
  }
  // The very same block: the quick way to see that nothing is different. Equal texts may be apart.
  bool same(const HostText& other) const { return block_ == other.block_; }
  bool alone() const { return block_ != nullptr && block_->uses == 1; }

 private:
  struct Block {
    uint32_t uses = 1;
    uint16_t meta_size = 0;
    uint8_t name_size = 0;
  };
  const char* bytes() const { return reinterpret_cast<const char*>(block_ + 1); }
  void destroy();

  Block* block_ = nullptr;
};

// Hands out one block for equal texts. What nobody uses any more is let go of now and then.
class HostTexts {
 public:
  HostText get(std::string_view name, std::string_view meta);
  size_t size() const { return texts_.size(); }

 private:
  std::unordered_multimap<size_t, HostText> texts_;  // by a hash of both; looked up, no more
  size_t sweep_at_ = 1'024;
};

}  // namespace phoenix::gossip
