#include "cli/audit/entry_view.h"

#include <fmt/format.h>

#include <vector>

#include "base/json/json_writer.h"
#include "lineage/crypto/dsse.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::cli {
namespace {

using lineage::Entry;

Json digest_json(const std::optional<Digest>& digest) {
  return digest ? Json::string("sha256:" + lineage::hex(*digest)) : Json();
}

// By which key an envelope is signed; that it holds is for a verifier to say.
Json signer_json(const std::string& envelope) {
  const auto form = lineage::decode_envelope(envelope);
  return form ? Json::string(form->key_id) : Json();
}

Json parties_json(const std::optional<lineage::Party>& party) {
  return party ? Json::string(party_text(party)) : Json();
}

Json handoff_json(const lineage::HandoffEvidence& handoff) {
  Json json = Json::object();
  json.set("offeredBy", signer_json(handoff.offer));
  json.set("acceptedBy", signer_json(handoff.acceptance));
  json.set("approvedBy", signer_json(handoff.approval));
  return json;
}

Json terminal_json(const lineage::TerminalEvidence& terminal) {
  Json json = Json::object();
  json.set("end", Json::string(lineage::end_name(terminal.end)));
  json.set("result", digest_json(terminal.result));
  json.set("signedBy", terminal.signature ? signer_json(terminal.signature->envelope) : Json());
  return json;
}

Json leg_json(const lineage::Leg& leg) {
  Json json = Json::object();
  json.set("number", Json::number(static_cast<int64_t>(leg.number)));
  json.set("cause", Json::string(lineage::cause_name(leg.cause)));
  json.set("from", parties_json(leg.from));
  json.set("to", parties_json(leg.to));
  json.set("previous", Json::string(lineage::hex(leg.previous)));
  json.set("context", digest_json(leg.context));
  json.set("contract", digest_json(leg.contract));
  json.set("decision", digest_json(leg.decision));
  Json placement;
  if (leg.placement) {
    placement = Json::object();
    placement.set("point", Json::number(leg.placement->point));
    placement.set("inputs", digest_json(leg.placement->inputs));
  }
  json.set("placement", std::move(placement));
  json.set("attestedBy", Json::strings(leg.attested_by));
  json.set("handoff", leg.handoff ? handoff_json(*leg.handoff) : Json());
  json.set("terminal", leg.terminal ? terminal_json(*leg.terminal) : Json());
  return json;
}

Json key_json(const lineage::KeyChange& change) {
  constexpr std::string_view kActions[] = {"", "add", "rotate", "revoke"};
  Json json = Json::object();
  json.set("action", Json::string(kActions[static_cast<size_t>(change.action)]));
  json.set("keyId", Json::string(change.key.id()));
  json.set("previous", change.previous.empty() ? Json() : Json::string(change.previous));
  return json;
}

// Which rule refused whom; null of all other entries, and where there was too much of it to keep.
Json refusal_of(const Entry& entry) {
  const auto told = Json::parse(entry.account);
  return told && told->is_object() ? *told : Json();
}

// As events of the API name it: "packets/default/p-1".
std::string subject_of(const Entry& entry) {
  const std::string kind(lineage::entry_kind_name(entry.kind));
  return entry.ns.empty() ? kind + "s/" + entry.subject
                          : kind + "s/" + entry.ns + "/" + entry.subject;
}

}  // namespace

std::string party_text(const std::optional<lineage::Party>& party) {
  return party ? fmt::format("{}#{}", party->id, party->incarnation) : std::string();
}

std::string message_of(const Entry& entry) {
  const Json told = refusal_of(entry);
  if (told.is_null()) return "";
  std::string text = told["point"].text() + ": " + told["reason"].text();
  if (told["rule"].is_null()) return text;
  text += fmt::format(" (policy {}, rule {}", told["policy"].text(), told["rule"].text());
  return text + (told["at"].is_null() ? ")" : ", " + told["at"].text() + ")");
}

Json entry_json(const ShownEntry& shown) {
  const Entry& entry = shown.entry;
  Json json = Json::object();
  json.set("log", Json::number(shown.log));
  json.set("position", Json::number(static_cast<int64_t>(shown.position)));
  json.set("at", Json::string(json::time_text(entry.at)));
  json.set("kind", Json::string(lineage::entry_kind_name(entry.kind)));
  json.set("actor", Json::string(entry.actor.name));
  json.set("namespace", Json::string(entry.ns));
  json.set("subject", Json::string(entry.subject));
  json.set("event", Json::string(entry.event));
  json.set("reason", Json::string(entry.reason));
  json.set("epoch", Json::number(static_cast<int64_t>(entry.epoch)));
  json.set("revision", Json::number(static_cast<int64_t>(entry.revision)));
  json.set("policy", digest_json(entry.policy));
  json.set("inputs", digest_json(entry.inputs));
  json.set("refusal", refusal_of(entry));
  json.set("hash", Json::string(lineage::hex(shown.leaf)));
  if (entry.leg) json.set("leg", leg_json(*entry.leg));
  if (entry.key) json.set("key", key_json(*entry.key));
  if (!entry.certificate.empty()) json.set("certifiedBy", signer_json(entry.certificate));
  return json;
}

Json cloud_event(const ShownEntry& shown, const std::string& pool) {
  const Entry& entry = shown.entry;
  Json json = Json::object();
  json.set("specversion", Json::string("1.0"));
  json.set("id", Json::string(fmt::format("{}-{}", shown.log, shown.position)));
  json.set("source", Json::string(fmt::format("/pools/{}/logs/{}", pool, shown.log)));
  json.set("type", Json::string(fmt::format("io.phoenixflight.audit.{}.{}.v1",
                                            lineage::entry_kind_name(entry.kind), entry.event)));
  json.set("subject", Json::string(subject_of(entry)));
  json.set("time", Json::string(json::time_text(entry.at)));
  json.set("datacontenttype", Json::string("application/json"));
  json.set("data", entry_json(shown));
  return json;
}

}  // namespace phoenix::cli
