// About how many bytes a record takes in a message to another host: what clients have put in, and
// something for the rest. So that no message grows beyond what a link takes.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "directory/member.h"
#include "packet/packet.h"

namespace phoenix {

inline size_t about_bytes(const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size() + 3;
  return bytes;
}
inline size_t about_bytes(const std::vector<std::pair<std::string, std::string>>& labels) {
  size_t bytes = 0;
  for (const auto& [name, value] : labels) bytes += name.size() + value.size() + 6;
  return bytes;
}

inline size_t about_bytes(const MemberRecord& member) {
  return 400 + member.key.text().size() + about_bytes(member.capabilities) +
         about_bytes(member.compliance) + about_bytes(member.labels) + member.public_key.size() +
         member.next_key.size() + member.former_key.size();
}
inline size_t about_bytes(const SessionRecord& session) {
  size_t bytes = 400;
  for (const auto& [id, incarnation] : session.members) bytes += id.size() + 12;
  return bytes;
}
inline size_t about_bytes(const Packet& head) {
  const PacketSpec& spec = *head.spec;
  const size_t error = head.last_error ? head.last_error->message.size() : 0;
  return 1000 + spec.name.size() + about_bytes(spec.labels) + about_bytes(spec.policy_tags) +
         spec.tracestate.size() + about_bytes(head.required.list()) + error +
         200 * head.kept.size();
}

}  // namespace phoenix
