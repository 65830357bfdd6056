// Contents of live packets, so that a delivery need not read them from the store. Bounded in bytes;
// what is not here is read. Keyed by packet and kind; an entry is one version of it.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "node/remote.h"

namespace phoenix {

class ContentCache {
 public:
  explicit ContentCache(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  void put(const PacketKey& key, ContentKind kind, uint64_t revision,
           std::shared_ptr<const Content> content);
  // Null: not here in that version.
  std::shared_ptr<const Content> get(const PacketKey& key, ContentKind kind, uint64_t revision);
  void drop(const PacketKey& key);
  // Of these kinds (bit i: ContentKind i) of the head's contents: all, if they are here and have at
  // most so many bytes together.
  CarriedContents along(const Packet& head, uint32_t mask, size_t most_bytes);
  // What came along with such a head. What cannot be the head's is left out.
  void put_along(const Packet& head, const CarriedContents& contents);
  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    PacketKey key;
    std::array<std::shared_ptr<const Content>, kContentKinds> contents;
    std::array<uint64_t, kContentKinds> revisions{};
    uint64_t bytes = 0;
  };
  using Position = std::list<Entry>::iterator;
  void forget(Position position);

  uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  std::list<Entry> entries_;  // the longest unused first
  std::unordered_map<PacketKey, Position> index_;
};

}  // namespace phoenix
