#include "ring/point.h"

#include "ring/encoder.h"

namespace phoenix {

namespace {

// What a member's v-nodes have in common.
SipHashSeries series(const RingKey& key, std::string_view ns, std::string_view id) {
  ring::Encoder encoder;
  encoder.byte('V');
  encoder.text(ns);
  encoder.text(id);
  return {key, encoder.view()};
}

}  // namespace

Position vnode_position(const RingKey& key, std::string_view ns, std::string_view id,
                        uint32_t replica) {
  return VnodePositions(key, ns, id)(replica);
}

VnodePositions::VnodePositions(const RingKey& key, std::string_view ns, std::string_view id)
    : series_(series(key, ns, id)) {}

Position packet_position(const RingKey& key, std::string_view ns,
                         std::span<const std::string> capabilities, std::string_view salt) {
  ring::Encoder encoder;
  encoder.byte('P');
  encoder.text(ns);
  encoder.u16(capabilities.size());
  for (const std::string& capability : capabilities) encoder.text(capability);
  encoder.text(salt);
  return static_cast<Position>(siphash13(key, encoder.view()) >> 32);
}

}  // namespace phoenix
