#include "node/governed/facts.h"

namespace phoenix {

policy::MemberView facts_of(const MemberRecord& record, uint32_t load) {
  policy::MemberView view;
  view.id = record.key.id();
  view.name_space = record.key.ns();
  view.kind = member_kind_name(record.kind);
  view.status = member_status_name(record.status);
  view.registered_by = record.registered_by;
  view.capabilities = record.capabilities;
  view.compliance = record.compliance;
  view.labels = record.labels;
  view.trust = record.trust;
  view.reliability = record.reliability;
  view.weight = record.weight;
  view.load = load;
  view.max_load = record.max_load;
  view.joined_at = record.joined_at;
  return view;
}

policy::PacketView facts_of(const Packet& head, const cel::Value& payload) {
  const PacketSpec& spec = *head.spec;
  policy::PacketView view;
  view.id = head.key.id();
  view.name = spec.name;
  view.name_space = head.key.ns();
  view.affinity_key = spec.affinity_key;
  view.required_capabilities = head.required.list();
  view.any_capability = spec.match == CapabilityMatch::kAny;
  view.policy_tags = spec.policy_tags;
  view.labels = spec.labels;
  view.priority = spec.priority;
  view.load = spec.load;
  view.attempts = head.attempts;
  view.losses = head.losses;
  view.epoch = head.epoch;
  view.created_at = head.created_at;
  view.deadline = spec.deadline;
  view.payload = payload;
  return view;
}

}  // namespace phoenix
