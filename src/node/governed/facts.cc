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

void write_facts(json::Writer& out, const policy::MemberView& member) {
  const auto names = [&out](std::string_view key, policy::Texts texts) {
    out.key(key);
    out.begin_array();
    for (const std::string& text : texts) out.string(text);
    out.end_array();
  };
  const auto thousandths = [&out](std::string_view key, uint32_t value) {
    std::string text;
    json::append_thousandths(text, value);
    out.key(key);
    out.raw(text);
  };
  out.begin_object();
  out.field("id", member.id);
  out.field("namespace", member.name_space);
  out.field("kind", member.kind);
  out.field("status", member.status);
  out.field_or_null("registeredBy", member.registered_by);
  names("capabilities", member.capabilities);
  names("compliance", member.compliance);
  out.key("labels");
  out.begin_object();
  for (const auto& [key, value] : member.labels) out.field(key, value);
  out.end_object();
  thousandths("trustScore", member.trust);
  thousandths("reliability", member.reliability);
  out.number("weight", member.weight);
  out.number("maxLoad", member.max_load);
  out.number("currentLoad", member.load);
  out.time_or_null("joinedAt", member.joined_at);
  out.end_object();
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
