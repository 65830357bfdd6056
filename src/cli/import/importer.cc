#include "cli/import/importer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/key.h"
#include "cli/packets/packet_document.h"

namespace phoenix::cli {
namespace {

// Between its making and its owner's naming nobody else is to be given a packet.
constexpr const char* kAside = "60s";

bool has_owner_to_be(const OriginalPacket& packet) {
  return packet.status == "ASSIGNED" || packet.status == "RUNNING" ||
         packet.status == "CHECKPOINTED";
}

ImportRow row_of(bool member, const std::string& ns, const std::string& id) {
  ImportRow row;
  row.member = member;
  row.ns = ns;
  row.id = id;
  return row;
}

}  // namespace

const char* verb_name(ImportRow::Verb verb) {
  switch (verb) {
    case ImportRow::Verb::kCreate:
      return "create";
    case ImportRow::Verb::kKeep:
      return "keep";
    case ImportRow::Verb::kRefuse:
      return "refuse";
    case ImportRow::Verb::kLeave:
      break;
  }
  return "leave";
}

Outcome<Json> Importer::find(const char* things, const std::string& ns, const std::string& id) {
  const std::string what = fmt::format("cannot look for {}", id);
  const auto reply = host_.in(ns).get_any(what, Target({things, id}));
  if (!reply) return tl::unexpected(reply.error());
  if (reply->status == 404 || reply->status == 410) return Json();
  if (reply->status >= 300) return tl::unexpected(failure_of(what, reply->status, reply->body));
  return reply->json;
}

bool Importer::imported_from_here(const Json& thing) const {
  return thing["labels"].has(kImportedLabel) &&
         thing["labels"][kImportedLabel].text() == labels()[kImportedLabel].text();
}

Json Importer::labels() const {
  Json out = Json::object();
  const AuditChain& audit = state_.audit;
  out.set(kImportedLabel, Json::string(audit.first.empty() ? "no-audit" : audit.first));
  if (audit.fault) {
    out.set(kAuditLabel, Json::string(fmt::format("broken in line {}", audit.fault->line)));
  } else if (!audit.head.empty()) {
    out.set(kAuditLabel, Json::string(audit.head));
  }
  return out;
}

Json Importer::member_body(const OriginalMember& member) const {
  Json body = Json::object();
  body.set("id", Json::string(member.id)).set("kind", Json::string(member.kind));
  body.set("capabilities", Json::strings(member.capabilities));
  body.set("maxLoad", Json::number(std::max<int64_t>(1, member.max_load)));
  body.set("trustScore", Json::raw_number(member.trust));
  body.set("reliability", Json::raw_number(member.reliability));
  if (!member.compliance.empty()) body.set("compliance", Json::strings(member.compliance));
  body.set("labels", labels()).set("liveness", Json::string("manual"));
  return body;
}

Json Importer::packet_body(const OriginalPacket& packet, bool owned) const {
  Json body = Json::object();
  body.set("id", Json::string(packet.id)).set("name", Json::string(packet.name));
  body.set("requiredCapabilities", Json::strings(packet.required));
  body.set("capabilityMatch", Json::string("any"));  // as it was there
  if (!packet.policy_tags.empty()) body.set("policyTags", Json::strings(packet.policy_tags));
  body.set("maxAttempts", Json::number(std::max<int64_t>(1, packet.max_attempts)));
  if (!packet.payload.is_null()) body.set("payload", packet.payload);
  if (owned) {
    if (const auto at = moment(kAside, "", wall_now_ms())) body.set("notBefore", Json::string(*at));
  }
  return body.set("labels", labels());
}

Outcome<int> Importer::plan_member(const OriginalMember& member, std::vector<ImportRow>* plan) {
  ImportRow row = row_of(true, member.ns, member.id);
  if (!valid_id(member.id) || !valid_id(member.ns)) {
    row.verb = ImportRow::Verb::kRefuse;
    row.detail = "is no id that a host can find it by";
  } else if (member.status != "ACTIVE") {
    row.detail = "is " + member.status + " there";
  } else {
    const auto there = find("members", member.ns, member.id);
    if (!there) return tl::unexpected(there.error());
    if (there->is_null()) {
      row.verb = ImportRow::Verb::kCreate;
      row.detail = joined(Json::strings(member.capabilities));
    } else if (imported_from_here(*there)) {
      row.verb = ImportRow::Verb::kKeep;
      row.detail = "was imported before";
    } else {
      row.verb = ImportRow::Verb::kRefuse;
      row.detail = "another member has this id";
    }
    if (row.verb != ImportRow::Verb::kRefuse) members_[Key(member.ns, member.id)] = &member;
  }
  plan->push_back(std::move(row));
  return kExitDone;
}

Outcome<int> Importer::plan_packet(const OriginalPacket& packet, std::vector<ImportRow>* plan) {
  ImportRow row = row_of(false, packet.ns, packet.id);
  if (!valid_id(packet.id) || !valid_id(packet.ns)) {
    row.verb = ImportRow::Verb::kRefuse;
    row.detail = "is no id that a host can find it by";
  } else if (packet.ended()) {
    row.detail = "is over: " + packet.status;
  } else {
    const auto there = find("packets", packet.ns, packet.id);
    if (!there) return tl::unexpected(there.error());
    const bool owned = has_owner_to_be(packet) && members_.contains(Key(packet.ns, packet.owner));
    if (there->is_null()) {
      row.verb = ImportRow::Verb::kCreate;
      row.detail = owned ? "goes on with " + packet.owner : packet.status;
    } else if (!imported_from_here(*there)) {
      row.verb = ImportRow::Verb::kRefuse;
      row.detail = "another packet has this id";
    } else if (owned && (*there)["epoch"].integer() == 0 &&
               (*there)["parked"]["reason"].text() == "not-before") {
      // Broken off between its making and its owner's naming.
      row.verb = ImportRow::Verb::kCreate;
      row.detail = "was imported before; goes on with " + packet.owner;
    } else {
      row.verb = ImportRow::Verb::kKeep;
      row.detail = "was imported before";
    }
    packets_[Key(packet.ns, packet.id)] = &packet;
  }
  plan->push_back(std::move(row));
  return kExitDone;
}

Outcome<std::vector<ImportRow>> Importer::plan() {
  std::vector<ImportRow> rows;
  for (const OriginalMember& member : state_.members) {
    if (const auto done = plan_member(member, &rows); !done) return tl::unexpected(done.error());
  }
  for (const OriginalPacket& packet : state_.packets) {
    if (const auto done = plan_packet(packet, &rows); !done) return tl::unexpected(done.error());
  }
  return rows;
}

Outcome<int> Importer::settle(const Outcome<Reply>& reply, ImportRow& row) const {
  if (reply) return kExitDone;
  if (reply.error().exit_code == kExitNoHost) return tl::unexpected(reply.error());
  row.verb = ImportRow::Verb::kRefuse;
  row.detail = reply.error().why.empty() ? reply.error().what : reply.error().why;
  return kExitDone;
}

Outcome<int> Importer::create_member(ImportRow& row) {
  const OriginalMember& member = *members_.at(Key(row.ns, row.id));
  return settle(
      host_.in(row.ns).post("cannot register " + row.id, Target({"members"}), member_body(member)),
      row);
}

Outcome<int> Importer::create_packet(ImportRow& row) {
  const OriginalPacket& packet = *packets_.at(Key(row.ns, row.id));
  const bool owned = has_owner_to_be(packet) && members_.contains(Key(packet.ns, packet.owner));
  const auto there = find("packets", row.ns, row.id);
  if (!there) return tl::unexpected(there.error());
  if (there->is_null()) {
    const auto done = settle(host_.in(row.ns).post("cannot create " + row.id, Target({"packets"}),
                                                   packet_body(packet, owned)),
                             row);
    if (!done || row.verb == ImportRow::Verb::kRefuse) return done;
  }
  return owned ? give_to_owner(packet, row) : Outcome<int>(kExitDone);
}

// One that its owner may not have here (it lacks what the packet needs, it is full) is placed as
// any other once it was aside long enough.
Outcome<int> Importer::give_to_owner(const OriginalPacket& packet, ImportRow& row) {
  Api& api = host_.in(packet.ns);
  Json order = Json::object();
  order.set("to", Json::string(packet.owner));
  const auto given =
      api.post("cannot assign " + packet.id, Target({"packets", packet.id, "assign"}), order);
  if (!given) {
    if (given.error().exit_code == kExitNoHost) return tl::unexpected(given.error());
    row.detail = fmt::format("not with {}: {}", packet.owner, given.error().why);
    return kExitDone;
  }
  if (packet.checkpoint().is_null()) return kExitDone;
  Json saved = Json::object();
  saved.set("as", Json::string(packet.owner)).set("epoch", given->json["epoch"]);
  saved.set("checkpoint", packet.checkpoint());
  return settle(api.post("cannot save the checkpoint of " + packet.id,
                         Target({"packets", packet.id, "checkpoint"}), saved),
                row);
}

Outcome<int> Importer::carry_out(std::vector<ImportRow>& plan) {
  for (ImportRow& row : plan) {
    if (row.verb != ImportRow::Verb::kCreate) continue;
    const auto done = row.member ? create_member(row) : create_packet(row);
    if (!done) return done;
  }
  return kExitDone;
}

}  // namespace phoenix::cli
