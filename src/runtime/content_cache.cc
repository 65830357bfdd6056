#include "runtime/content_cache.h"

namespace phoenix {
namespace {

constexpr uint64_t kEntryBytes = 400;  // what an entry itself takes, about

}  // namespace

void ContentCache::put(const PacketKey& key, ContentKind kind, uint64_t revision,
                       std::shared_ptr<const Content> content) {
  const uint64_t size = content->data.size();
  auto it = index_.find(key);
  if (it == index_.end()) {
    entries_.push_back({.key = key, .contents = {}, .revisions = {}, .bytes = kEntryBytes});
    bytes_ += kEntryBytes;
    it = index_.emplace(key, std::prev(entries_.end())).first;
  }
  Entry& entry = *it->second;
  auto& place = entry.contents[static_cast<size_t>(kind)];
  const uint64_t before = place ? place->data.size() : 0;
  place = std::move(content);
  entry.revisions[static_cast<size_t>(kind)] = revision;
  entry.bytes += size - before;
  bytes_ += size - before;
  while (bytes_ > max_bytes_ && !entries_.empty()) forget(entries_.begin());
}

std::shared_ptr<const Content> ContentCache::get(const PacketKey& key, ContentKind kind,
                                                 uint64_t revision) {
  const auto it = index_.find(key);
  if (it == index_.end()) return nullptr;
  Entry& entry = *it->second;
  if (entry.revisions[static_cast<size_t>(kind)] != revision) return nullptr;
  entries_.splice(entries_.end(), entries_, it->second);
  return entry.contents[static_cast<size_t>(kind)];
}

void ContentCache::drop(const PacketKey& key) {
  const auto it = index_.find(key);
  if (it != index_.end()) forget(it->second);
}

void ContentCache::forget(Position position) {
  bytes_ -= position->bytes;
  index_.erase(position->key);
  entries_.erase(position);
}

CarriedContents ContentCache::along(const Packet& head, uint32_t mask, size_t most_bytes) {
  CarriedContents all;
  size_t bytes = 0;
  for (size_t kind = 0; kind < kContentKinds; ++kind) {
    const ContentInfo& info = head.contents[kind];
    if (!info.present || (mask >> kind & 1) == 0) continue;
    const auto which = static_cast<ContentKind>(kind);
    auto content = get(head.key, which, info.revision);
    if (!content || (bytes += content->data.size()) > most_bytes) return {};
    all.emplace_back(which, std::move(content));
  }
  return all;
}

void ContentCache::put_along(const Packet& head, const CarriedContents& contents) {
  for (const auto& [kind, content] : contents) {
    const ContentInfo& info = head.content(kind);
    if (!content || !info.present || info.size != content->data.size()) continue;
    put(head.key, kind, info.revision, content);
  }
}

}  // namespace phoenix
