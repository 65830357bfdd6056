// From requests about packets to the node's commands. All faults are found, not the first; nothing
// that depends on state is decided here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "node/command.h"

namespace phoenix {

inline constexpr size_t kMaxContent = size_t{1} << 20;  // bytes of one payload, result, ...
inline constexpr size_t kMaxItems = 1000;               // of an array, a batch
inline constexpr size_t kMaxRequired = 64;              // capabilities of a packet

// What a request says about a new packet beside its body.
struct PacketDefaults {
  std::string_view ns;
  std::string_view traceparent;  // headers; the body wins
  std::string_view tracestate;
  uint32_t retain_seconds = 604'800;
  WallMs now = 0;
  std::function<std::string()> fresh_id;
  // fresh_id gives the same ids again for a repeat of the same call: a packet may have it already.
  bool ids_repeat = false;
};

// One packet of POST /v1/packets. `raw` is the payload of a ?raw=true request; the body must then
// have none.
tl::expected<SubmitItem, Error> decode_submit(const json::Value& body,
                                              const PacketDefaults& defaults,
                                              std::shared_ptr<const Content> raw = {});

// An owner's call with what its body said beside it.
struct DecodedCall {
  OwnerCall call;
  std::string as_member;
  std::string member;  // in a batch: who signed; empty: not said
};
// `id` is the path's; in a batch it is null and stands in the item. `raw`: as above.
tl::expected<DecodedCall, Error> decode_call(Call call, const json::Value& body,
                                             std::string_view ns, const std::string* id,
                                             std::shared_ptr<const Content> raw = {});

// {"items":[...], "as", "member", "signature"} of POST /v1/packets:complete.
struct DecodedBatch {
  OwnerCalls calls;
  std::vector<std::string> ids;  // of each item, as far as it could be read
  std::string as_member;
  std::string member;                // who signed; empty: not said
  std::vector<std::string> members;  // the same of each item
  std::string signature;             // the envelope over all items; empty: none
};
Result<DecodedBatch> decode_complete_batch(const json::Value& body, std::string_view ns);

// {"reason"} or {"to"}; which are allowed depends on the order.
Result<OrderPacket> decode_order(Order order, const json::Value& body, PacketKey key);

// Bytes of a ?raw=true request with their media type; JSON if the type says so.
Result<std::shared_ptr<const Content>> raw_content(std::string_view media_type, std::string bytes);
// "application/json; charset=utf-8" -> "application/json", in lower case.
std::string bare_media_type(std::string_view header);
bool valid_media_type(std::string_view text);

}  // namespace phoenix
