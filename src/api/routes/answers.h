// What several routes share: keys, paths and ETags, finding a packet wherever it stands, and the
// query form of fields for ?raw=true.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec/encode.h"
#include "api/rest_call.h"
#include "api/ring/slot_keepers.h"

namespace phoenix {

inline constexpr uint32_t kAllContents = (1u << kContentKinds) - 1;
inline constexpr int64_t kMaxWaitMs = 30'000;

// (namespace, first parameter); kNotFound if it cannot be an id.
Result<PacketKey> packet_key(const RestCall& call);
Result<MemberKey> member_key(const RestCall& call);
// "/v1/packets/x?namespace=y"; without the namespace if it is `default`.
std::string packet_path(const PacketKey& key);
std::string member_path(const MemberKey& key);
std::string etag(uint64_t revision);
// What a call with that Idempotency-Key makes as the so-and-so-many-th of its kind: a repeat names
// the same. In the form of a ULID behind the prefix.
std::string derived_id(std::string_view prefix, std::string_view kind, const Digest& scope,
                       uint64_t index);
// Names and tags of hosts of other makes may hold any bytes: those that are no text become `?`.
std::string showable(std::string_view text);
// Of the hosts that this one knows: itself.
SlotKeepers slot_keepers(const RestCall& call);

// Owns what PacketExtras points to.
class Extras {
 public:
  PacketExtras without_contents() const { return {nullptr, &missing}; }
  PacketExtras with_contents(const Contents* contents) const { return {contents, &missing}; }
  std::vector<std::string> missing;
};
// Where event logs stand: a number, or a text where hosts share a store.
void write_position(json::Writer& writer, std::string_view name, const EventCursor& position);
Extras extras_of(const RestCall& call, const PacketView& view);

// The call's packet, live or terminal, after ?waitMs= if that was asked; otherwise the call has
// been answered with 404 or 410.
void fetch_packet(const RestCallPtr& call,
                  std::function<void(const RestCallPtr&, const PacketView&)> then);
// 409 for a packet that has no result (yet).
Error no_result(const PacketView& view);
// A reply of a form that the route does not expect: a fault of ours.
Error unexpected_reply();
// Whether nothing but a tombstone is to be shown of it, though the sweep has not come by yet.
bool retention_over(const Packet& head, WallMs now);

// ?raw=true: the query's parameters as the text of a JSON object.
std::string fields_of_query(const Query& query);
std::vector<std::string_view> raw_packet_parameters();
// A parameter that stands for a field though the request is not raw.
std::optional<Error> only_for_raw(const Query& query);

// --- lists ---
struct ListRange {
  uint32_t limit = 100;
  bool ascending = true;
  std::optional<ListPosition> after;
};
// `limit`, `order`, `cursor`; faults go to `faults`.
ListRange list_range(const Query& query, json::Faults& faults);
std::string encode_cursor(bool ascending, const ListPosition& position);

// Implemented beside packets.cc, too long to stand in it.
void list_packets(const RestCallPtr& call);
void get_history(const RestCallPtr& call);
void get_explain(const RestCallPtr& call);

}  // namespace phoenix
