// How two hosts introduce themselves before anything else is said over a link, and what must agree.
//
//   opening  8 bytes, "PHXL", then the lowest and the highest protocol that its sender speaks, two
//            bytes each, most significant first. This form stays for ever: it is what differing
//            versions say to each other.
//   hello    canonical msgpack of the agreed protocol (the highest that both speak)
//   refusal  why the other is turned away; both sides learn the same, each in its own words
//
// Decoding is strict: another form, another number of fields, a value out of its range is nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"

namespace phoenix::peer {

inline constexpr uint16_t kOldestProtocol = 1;
inline constexpr uint16_t kNewestProtocol = 1;
inline constexpr size_t kOpeningBytes = 8;

struct Opening {
  uint16_t oldest = kOldestProtocol;
  uint16_t newest = kNewestProtocol;
};

// What must be equal over a pool, each text at most 255 bytes. gossip::PoolIdentity in plain words.
struct Identity {
  std::string pool;              // id of the pool
  std::string store;             // id of the store that keeps view and packets
  std::string ring_fingerprint;  // of the ring key, never the key itself
  uint32_t vnode_factor = 128;
  bool operator==(const Identity&) const = default;
};

// Bits of Hello::features. An unknown bit means nothing; both must have a bit for it to count.
inline constexpr uint64_t kRelays = 1;  // passes on what two others cannot tell each other

struct Hello {
  Identity identity;
  HostLife self;    // never empty
  HostLife wanted;  // whom the sender means to speak to
  uint64_t features = 0;
  Duration beat = milliseconds(200);  // an idle sender is heard that often; 1 ms .. 60 s
};

enum class RefusalCode : uint8_t {
  kProtocol,     // no protocol that both speak
  kIdentity,     // another pool, store, ring key or v-node factor
  kOtherHost,    // the one that is wanted lives elsewhere, or lives no more
  kNotInView,    // the refuser's view does not have the other: its own may be the older one
  kDuplicate,    // the two have a connection already
  kCertificate,  // the certificate does not name the host that shows it
};
struct Difference {
  std::string field, ours, theirs;  // at most 255 bytes each
  bool operator==(const Difference&) const = default;
};
struct Refusal {
  RefusalCode code = RefusalCode::kIdentity;
  std::vector<Difference> differences;  // at most 8
  bool operator==(const Refusal&) const = default;
};

std::string encode(const Opening& opening);
// nullopt: no opening of ours, or one whose lowest is above its highest. Takes exactly its bytes.
std::optional<Opening> decode_opening(std::string_view bytes);
// Whether the bytes may still become an opening.
bool may_be_opening(std::string_view bytes);
// The highest protocol that both speak; 0: none.
uint16_t common_protocol(const Opening& ours, const Opening& theirs);

std::string encode(const Hello& hello);
std::optional<Hello> decode_hello(std::string_view bytes);

// As its receiver sees it: ours and theirs have changed places on the way.
std::string encode(const Refusal& refusal);
std::optional<Refusal> decode_refusal(std::string_view bytes);

// The fields that differ, in the order of Identity.
std::vector<Difference> differences(const Identity& ours, const Identity& theirs);
// "another store: ours str_a, theirs str_b", "in the view of neither …": for a log.
std::string to_text(const Refusal& refusal);
// "alpha#00000000000000ff".
std::string to_text(const HostLife& life);

}  // namespace phoenix::peer
