// Payloads of live packets that rules read, as far as there is room for them: what is not here is
// asked of the store when somebody needs it. Pure memory, bounded; single-threaded.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "packet/packet.h"

namespace phoenix {

class PayloadShelf {
 public:
  // Of all that is kept: that much, and the newest at any size.
  static constexpr uint64_t kMostBytes = uint64_t{64} << 20;
  // So many are asked for by packets that wait by themselves, who come back anyway. Whose caller
  // waits is asked for in any case: a host bounds its callers.
  static constexpr size_t kMostAsked = 256;

  // Null: it is not here.
  std::shared_ptr<const Content> find(const PacketKey& key) const;
  void put(const PacketKey& key, std::shared_ptr<const Content> payload);
  void drop(const PacketKey& key);

  void ask(const PacketKey& key, bool somebody_waits);
  // It was answered, with or without it.
  void answered(const PacketKey& key) { asked_.erase(key); }
  // What is to be asked of the store from now on, each once.
  std::vector<PacketKey> take_asked();
  bool has_asked() const { return !to_ask_.empty(); }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    PacketKey key;
    std::shared_ptr<const Content> payload;
  };
  void forget(std::list<Entry>::iterator it);

  std::list<Entry> entries_;  // the oldest first
  std::unordered_map<PacketKey, std::list<Entry>::iterator> index_;
  uint64_t bytes_ = 0;
  std::unordered_set<PacketKey> asked_;  // without an answer
  std::vector<PacketKey> to_ask_;        // of these: not handed out yet
};

}  // namespace phoenix
