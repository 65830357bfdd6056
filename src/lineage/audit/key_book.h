// Whose key was good where: from which entry to which, by the order of the logs and never by a
// time. Across logs the order is known as far as checkpoints tell it; where it is not known a key
// counts as good on both sides of its change.
//
// Where the pool's root is among the trusted keys, only that root says which key is a host's; a
// host's own key that is given beside it counts for nothing. Without a root the given keys of hosts
// count, and no entry can add to them.
//
// Feed it all key entries. Those of one block of the export may come before those they rest on;
// what cannot be applied yet is kept back until settle().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lineage/audit/fault.h"
#include "lineage/form/entry.h"

namespace phoenix::lineage {

class KeyBook {
 public:
  KeyBook(std::string pool, const std::vector<NamedKey>& trusted);

  // A root's grant: the host's key is good from the start on, until an entry takes it back.
  // Answers the key's id, or why not.
  Result<std::string> grant(std::string_view envelope);

  Finding apply(const Entry& entry, const Place& place);
  Finding settle();

  // A key of this member that may be good there; null if none of that id is.
  const PublicKey* member_key(std::string_view ns, std::string_view id, std::string_view key_id,
                              const Place& place) const;
  // Whether the member surely has a key of its own there.
  bool has_key(std::string_view ns, std::string_view id, const Place& place) const;

  struct HostKey {
    PublicKey key;
    std::string host;
  };
  const HostKey* host_key(std::string_view key_id, const Place& place) const;

 private:
  struct Holding {
    HostKey held;  // the host is empty for a member
    std::string id;
    std::optional<Place> from;  // absent: from the start
    std::optional<Place> to;
  };
  struct Waiting {
    Entry entry;
    Place place;
  };
  static bool may_hold(const Holding& holding, const Place& place);
  Finding try_apply(const Entry& entry, const Place& place, bool& later);
  static void take_back(std::vector<Holding>& held, std::string_view id, const Place& place);
  Finding prove(const Entry& entry, const Place& place) const;
  void add(const Entry& entry, const Place& place);
  static std::string owner_of(const Entry& entry);

  std::string pool_;
  std::unordered_map<std::string, PublicKey> roots_;                // by key id
  std::unordered_map<std::string, std::vector<Holding>> holdings_;  // by owner: "ns/id" or "host"
  std::unordered_map<std::string, std::string> host_of_key_;        // key id to host
  std::vector<Waiting> waiting_;
};

}  // namespace phoenix::lineage
