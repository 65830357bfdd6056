// Everything that one host says to another over their link, beside the link's own frames: calls
// passed on and their answers, and what the nodes tell each other. Canonical msgpack, decoded
// strictly: another form, an unknown kind, trailing bytes or more than the limits is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "node/command.h"
#include "node/remote.h"

namespace phoenix {

// A command that another host has to carry out. Where it may run is the receiver's to check: who
// does not drive the slot, or is not the home, answers kMisdirected.
struct PeerCall {
  uint64_t call = 0;  // the sender's number for it, unique within its life
  uint64_t view = 0;  // by which view it was sent here
  uint8_t hops = 1;   // how often it has been passed on; at most kMaxHops
  // The caller was authenticated by the host that took the call from the client.
  Caller caller;
  std::optional<Idempotency> idempotency;
  CommandBody body;
};
inline constexpr uint8_t kMaxHops = 2;

struct PeerAnswer {
  uint64_t call = 0;
  uint64_t view = 0;
  ReplyBody body;
  bool replayed = false;
};
// More for a stream that was opened by a call.
struct PeerPortion {
  uint64_t call = 0;
  bool end = false;
  DeliveriesReply portion;
};
// Nobody waits for this call any more (or: the stream was closed by the client's end).
struct PeerAbandon {
  uint64_t call = 0;
  bool closed_by_peer = false;
};
// Contents for a host without a store. The receiver reads them and answers.
struct ContentsWanted {
  uint64_t call = 0;
  PacketKey key;
  uint32_t mask = 0;  // bit i: ContentKind i
};
struct ContentsAnswer {
  uint64_t call = 0;
  CarriedContents contents;
};

// The sender has released these slots, ascending; nothing rests on it, it only saves a wait.
// Without any: it is about to, by the newest view that it follows, which the receiver should know
// too.
struct SlotsFreed {
  uint64_t view = 0;
  std::vector<SlotId> slots;
};

// The sender has written into the store that they share, or keeps other numbers of packets by now:
// live ones by status. Nothing rests on it.
struct Wrote {
  uint64_t pending = 0;
  uint64_t assigned = 0;
  uint64_t running = 0;
  bool operator==(const Wrote&) const = default;
};

using PeerMessage = std::variant<PeerCall, PeerAnswer, PeerPortion, PeerAbandon, ContentsWanted,
                                 ContentsAnswer, NodeMessage, SlotsFreed, Wrote>;

// What is longer is refused. A client's request has at most 16 MiB, and comes out somewhat longer
// than its JSON where it is many small items; twice that leaves room, for answers too.
inline constexpr size_t kMaxPeerMessage = size_t{32} << 20;

// Requires: no head, record or spec is null where the contract does not say what null means.
std::string encode(const PeerMessage& message);
// kTooLarge, or kInvalidRequest for everything that encode() would not have written.
Result<PeerMessage> decode_peer_message(std::string_view bytes);

// Whether it should wait behind others: contents, and calls and answers of more than about so many
// bytes. Never what nodes tell each other, nor what belongs to a stream: those keep their order.
inline constexpr size_t kBulkBytes = size_t{64} << 10;
bool is_bulk(const PeerMessage& message);

}  // namespace phoenix
