// What a phoenix host tells about itself in its gossip tags, and what must agree over a pool.
//
//   phx     version of the view's direct messages; a host without it is no phoenix host
//   api     "127.0.0.1:7400", where REST is served    peer  the same of the peer link
//   weight  decimal, 0: keeps no slot                  boot  16 hexadecimal digits, never 0
//   ver     of the program
//   pool, ring, vnf, store   its PoolIdentity
//
// Absent api, peer: not served. All together at most kMaxHostTags bytes encoded, which leaves the
// rest of the 512 to the user's own tags.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace phoenix::gossip {

// What must be equal over a pool. Two hosts that differ in any of it see each other in their lists,
// but neither enters the other's view.
struct PoolIdentity {
  std::string pool;              // id of the pool
  std::string ring_fingerprint;  // of the ring key, never the key itself
  uint32_t vnode_factor = 128;   // v-nodes of a member of weight 100
  std::string store;             // id of the store that keeps view and packets
  bool operator==(const PoolIdentity&) const = default;
};

// The store of a gateway: it keeps nothing, belongs to no view, and so has nothing that must agree.
inline constexpr std::string_view kNoStore = "none";

using TagMap = std::map<std::string, std::string>;
using TagSpan = std::span<const std::pair<std::string_view, std::string_view>>;

struct HostTags {
  uint32_t messages = 1;  // phx
  std::string api, peer;  // at most 64 bytes each
  std::string version;    // at most 32 bytes
  uint32_t weight = 100;
  uint64_t boot = 0;
  PoolIdentity identity;
};
inline constexpr size_t kMaxHostTags = 384;
inline constexpr size_t kMaxTagBytes = 512;  // of all tags of a host, encoded
inline constexpr size_t kMaxTagText = 32;

// The form in which a text of an identity is told: itself up to kMaxTagText bytes, longer ones cut
// to 15 bytes, `~` and 16 digits of a hash of the whole.
std::string tag_text(std::string_view text);

// Errors: a field longer than said above, boot 0.
Result<TagMap> make_tags(const HostTags& host);
// Nothing: no phoenix host. Errors: it is one, but this tag says what it must not.
Result<std::optional<HostTags>> parse_tags(const TagMap& tags);
Result<std::optional<HostTags>> parse_tags(TagSpan tags);  // each name once
// Whether the name is one of ours, so that a user's own tag must not have it.
bool is_host_tag(std::string_view name);

// Bytes of the tags as Serf encodes them, the leading type byte included.
size_t encoded_size(const TagMap& tags);

// "store: ours str_a, theirs str_b", the differing fields in order, joined by "; "; empty if they
// agree. Texts are compared in the form in which they are told.
std::string difference(const PoolIdentity& ours, const PoolIdentity& theirs);

}  // namespace phoenix::gossip
