#include "ring/point.h"

#include "ring/encoder.h"

namespace phoenix {

namespace {

Position top(uint64_t hash) { return static_cast<Position>(hash >> 32); }

}  // namespace

Position vnode_position(const RingKey& key, std::string_view ns, std::string_view id,
                        uint32_t replica) {
  ring::Encoder encoder;
  encoder.byte('V');
  encoder.text(ns);
  encoder.text(id);
  encoder.u32(replica);
  return top(siphash13(key, encoder.view()));
}

Position packet_position(const RingKey& key, std::string_view ns,
                         std::span<const std::string> capabilities, std::string_view salt) {
  ring::Encoder encoder;
  encoder.byte('P');
  encoder.text(ns);
  encoder.u16(capabilities.size());
  for (const std::string& capability : capabilities) encoder.text(capability);
  encoder.text(salt);
  return top(siphash13(key, encoder.view()));
}

}  // namespace phoenix
