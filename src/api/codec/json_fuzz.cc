// Any bytes as the body of a request: parsed, and if they are JSON, given to every decoder. What
// was parsed must mean the same after it was written in its canonical form.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/codec/decode_member.h"
#include "api/codec/decode_packet.h"

namespace phoenix {
namespace {

void decode_everything(const json::Value& root) {
  PacketDefaults packet;
  packet.ns = "default";
  packet.now = 1;
  packet.fresh_id = [] { return std::string("pkt_x"); };
  MemberDefaults member;
  member.ns = "default";
  member.fresh_id = [] { return std::string("mem_x"); };
  const std::string id = "p";
  (void)decode_submit(root, packet);
  for (const Call call : {Call::kStart, Call::kCheckpoint, Call::kComplete, Call::kFail,
                          Call::kRelease, Call::kHandoff, Call::kAccept}) {
    (void)decode_call(call, root, "default", &id);
  }
  (void)decode_complete_batch(root, "default");
  (void)decode_order(Order::kAssign, root, PacketKey("default", id));
  (void)decode_register(root, member);
  (void)decode_register_session(root, member);
  (void)decode_patch(root, MemberKey("default", id));
  (void)decode_heartbeat(root);
  (void)decode_drain(root);
}

}  // namespace
}  // namespace phoenix

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto document = phoenix::json::Document::parse(text);
  if (!document) return 0;
  std::string canonical;
  phoenix::json::append_canonical(canonical, document->root());
  const auto again = phoenix::json::Document::parse(canonical);
  if (!again) std::abort();
  std::string twice;
  phoenix::json::append_canonical(twice, again->root());
  if (twice != canonical) std::abort();
  if (!phoenix::json::Document::parse(phoenix::json::one_line(text))) std::abort();
  phoenix::decode_everything(document->root());
  return 0;
}
