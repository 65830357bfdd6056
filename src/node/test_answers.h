// For tests of the node: short ways to read what it has answered.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "node/command.h"

namespace phoenix::testing_node {

inline std::optional<ErrorKind> refusal(const ReplyBody& reply) {
  if (const auto* error = std::get_if<Error>(&reply)) return error->kind;
  return std::nullopt;
}
inline const Error& error_of(const ReplyBody& reply) {
  static const Error kNone = {.kind = ErrorKind::kInternal, .detail = "it was not refused"};
  const auto* error = std::get_if<Error>(&reply);
  if (error == nullptr) ADD_FAILURE() << kNone.detail;
  return error == nullptr ? kNone : *error;
}
inline OwnerReply owner_reply(const ReplyBody& reply) {
  if (const auto* got = std::get_if<OwnerReply>(&reply)) return *got;
  ADD_FAILURE() << "refused: " << (refusal(reply) ? error_of(reply).detail : "another answer");
  return {};
}
inline PacketReply packet_reply(const ReplyBody& reply) {
  if (const auto* got = std::get_if<PacketReply>(&reply)) return *got;
  ADD_FAILURE() << "refused: " << (refusal(reply) ? error_of(reply).detail : "another answer");
  return {{std::make_shared<const Packet>(), Status::kPending, {}}, false};
}
// "p1@1 p2@1" in the order of the answer.
inline std::string text(const std::vector<Delivery>& deliveries) {
  std::string out;
  for (const Delivery& delivery : deliveries) {
    out += (out.empty() ? "" : " ") + std::string(delivery.packet.head->key.id()) + "@" +
           std::to_string(delivery.epoch);
  }
  return out;
}
// "p1@1:lease p2@1:canceled"
inline std::string text(const std::vector<Revoked>& revoked) {
  std::string out;
  for (const Revoked& item : revoked) {
    out += (out.empty() ? "" : " ") + item.id + "@" + std::to_string(item.epoch) + ":" +
           std::string(revoke_reason_name(item.reason));
  }
  return out;
}

}  // namespace phoenix::testing_node
