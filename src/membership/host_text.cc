#include "membership/host_text.h"

#include <algorithm>
#include <functional>
#include <new>

namespace phoenix::gossip {

HostText::HostText(std::string_view name, std::string_view meta) {
  void* memory = ::operator new(sizeof(Block) + name.size() + meta.size());
  block_ = new (memory) Block;
  block_->name_size = static_cast<uint8_t>(name.size());
  block_->meta_size = static_cast<uint16_t>(meta.size());
  char* at = reinterpret_cast<char*>(block_ + 1);
  std::copy(meta.begin(), meta.end(), std::copy(name.begin(), name.end(), at));
}

void HostText::destroy() { ::operator delete(block_); }

HostText HostTexts::get(std::string_view name, std::string_view meta) {
  const std::hash<std::string_view> hash;
  const size_t key = hash(name) ^ hash(meta) * 31;
  const auto [first, last] = texts_.equal_range(key);
  for (auto at = first; at != last; ++at) {
    if (at->second.name() == name && at->second.meta() == meta) return at->second;
  }
  if (texts_.size() >= sweep_at_) {
    std::erase_if(texts_, [](const auto& entry) { return entry.second.alone(); });
    sweep_at_ = std::max<size_t>(1'024, 2 * texts_.size());
  }
  return texts_.emplace(key, HostText(name, meta))->second;
}

}  // namespace phoenix::gossip
