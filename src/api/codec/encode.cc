#include "api/codec/encode.h"

#include "api/codec/digest.h"
#include "base/bytes_text.h"
#include "base/json/fields.h"
#include "packet/redaction.h"

namespace phoenix {
namespace {

constexpr std::string_view kSpreadNames[] = {"id", "affinity", "none"};

const Content* content_of(const Contents& contents, ContentKind kind) {
  return contents.of[static_cast<size_t>(kind)].get();
}

void write_parked(json::Writer& writer, const PacketView& view,
                  const std::vector<std::string>* missing) {
  writer.key("parked");
  // What waits in memory knows better why than the head that was written when it began to wait.
  const std::optional<Parked>& parked = view.parked ? view.parked : view.head->parked;
  if (!parked) {
    writer.null();
    return;
  }
  writer.begin_object();
  writer.field("reason", park_reason_name(parked->reason));
  writer.strings("missing", missing == nullptr ? std::vector<std::string>() : *missing);
  writer.time_or_null("since", parked->since);
  writer.time_or_null("until", parked->until);
  writer.end_object();
}

void write_settings(json::Writer& writer, const Packet& head) {
  const PacketSpec& spec = *head.spec;
  writer.field("id", head.key.id());
  writer.field_or_null("name", spec.name);
  writer.field("namespace", head.key.ns());
  writer.object_of("labels", spec.labels);
  writer.strings("requiredCapabilities", head.required);
  writer.field("capabilityMatch", spec.match == CapabilityMatch::kAll ? "all" : "any");
  writer.strings("policyTags", spec.policy_tags);
  writer.field_or_null("affinityKey", spec.affinity_key);
  writer.field("spread", kSpreadNames[static_cast<size_t>(spec.spread)]);
  writer.number("priority", spec.priority);
  writer.number("load", spec.load);
  writer.time_or_null("notBefore", spec.not_before);
  writer.time_or_null("deadline", spec.deadline);
  writer.key("attemptTimeoutSeconds");
  spec.attempt_timeout_seconds == 0 ? writer.null() : writer.integer(spec.attempt_timeout_seconds);
  writer.number("maxAttempts", spec.max_attempts);
  writer.number("maxLosses", spec.max_losses);
  writer.number("retainSeconds", spec.retain_seconds);
  writer.field_or_null("traceparent", spec.traceparent);
  if (!spec.tracestate.empty()) writer.field("tracestate", spec.tracestate);
}

}  // namespace

void write_content(json::Writer& writer, std::string_view name, const Content* content) {
  if (content == nullptr) {
    writer.null(name);
  } else if (content->is_json) {
    writer.key(name);
    writer.raw(content->data);
  } else {
    writer.key(std::string(name) + "Base64");
    writer.raw("\"");
    json::append_base64(writer.out(), content->data);
    writer.out() += '"';
  }
}

void write_last_error(json::Writer& writer, const LastError* error) {
  if (error == nullptr) {
    writer.null();
    return;
  }
  writer.begin_object();
  writer.field("message", error->message);
  writer.field_or_null("code", error->code);
  writer.end_object();
}

// What governs it, where something does.
void write_governed(json::Writer& writer, const PacketView& view) {
  static const Governed kNothing;
  const Governed& governed = view.head->governed ? *view.head->governed : kNothing;
  if (!view.head->governed && !view.contract) return;
  writer.field_or_null("contract", governed.contract);
  if (view.contract) writer.field("contractDigest", digest_text(*view.contract));
  if (governed.scopes) writer.strings("scopes", *governed.scopes);
  if (!governed.semantic.empty()) {
    writer.key("semantic");
    writer.raw(governed.semantic);
  }
  writer.number("handoffs", governed.handoffs);
  if (!governed.redacted.empty()) writer.strings("redacted", governed.redacted);
}

void write_packet(json::Writer& writer, const PacketView& view, const PacketExtras& extras) {
  const Packet& head = *view.head;
  const PacketSpec& spec = *head.spec;
  writer.begin_object();
  write_settings(writer, head);
  if (extras.contents != nullptr) {
    write_content(writer, "payload", content_of(*extras.contents, ContentKind::kPayload));
  }
  writer.field("contentType", spec.content_type.empty() ? std::string_view("application/json")
                                                        : spec.content_type);
  writer.field("status", status_name(view.status));
  writer.field_or_null("owner", head.owner ? std::string_view(head.owner->id) : std::string_view());
  writer.number("epoch", head.epoch);
  writer.number("revision", head.revision);
  writer.number("attempts", head.attempts);
  writer.number("losses", head.losses);
  write_parked(writer, view, extras.missing);
  writer.null("progress");
  if (extras.contents != nullptr) {
    write_content(writer, "checkpoint", content_of(*extras.contents, ContentKind::kCheckpoint));
    write_content(writer, "context", content_of(*extras.contents, ContentKind::kContext));
    write_content(writer, "result", content_of(*extras.contents, ContentKind::kResult));
  }
  writer.key("lastError");
  write_last_error(writer, head.last_error.get());
  write_governed(writer, view);
  writer.number("point", head.point);
  writer.time_or_null("createdAt", head.created_at);
  writer.time_or_null("updatedAt", head.updated_at);
  writer.end_object();
}

void write_member(json::Writer& writer, const MemberView& view, std::string_view home) {
  const MemberRecord& record = *view.record;
  const auto score = [&writer](std::string_view name, uint32_t value) {
    std::string text;
    json::append_thousandths(text, value);
    writer.key(name);
    writer.raw(text);
  };
  writer.begin_object();
  writer.field("id", record.key.id());
  writer.field("namespace", record.key.ns());
  writer.field("kind", member_kind_name(record.kind));
  writer.strings("capabilities", record.capabilities);
  writer.number("weight", record.weight);
  writer.number("maxLoad", record.max_load);
  score("trustScore", record.trust);
  score("reliability", record.reliability);
  writer.strings("compliance", record.compliance);
  writer.object_of("labels", record.labels);
  writer.field("liveness", record.manual ? "manual" : "session");
  writer.key("leaseSeconds");
  view.lease_seconds == 0 ? writer.null() : writer.integer(view.lease_seconds);
  writer.key("disconnectGraceMs");
  view.grace_ms ? writer.integer(*view.grace_ms) : writer.null();
  writer.field("status", member_status_name(record.status));
  writer.field_or_null("reason", record.reason);
  if (record.has_keys()) {
    const auto key = [&writer](std::string_view name, std::string_view bytes) {
      writer.field_or_null(name, bytes.empty() ? std::string() : base64_text(bytes));
    };
    key("publicKey", record.public_key);
    key("nextKey", record.next_key);
  }
  writer.number("incarnation", record.incarnation);
  writer.number("revision", record.revision);
  writer.field("home", home);
  writer.number("currentLoad", view.current_load);
  if (record.status == MemberStatus::kDraining) {
    writer.time_or_null("drainDeadline", record.drain_deadline);
  }
  writer.time_or_null("joinedAt", record.joined_at);
  writer.time_or_null("lastSeenAt", view.last_seen_at);
  writer.end_object();
}

void write_owner_reply(json::Writer& writer, const OwnerReply& reply) {
  writer.begin_object();
  writer.field("id", reply.id);
  writer.field("status", status_name(reply.status));
  writer.number("epoch", reply.epoch);
  writer.number("revision", reply.revision);
  if (!reply.ticket.empty()) writer.field("ticket", base64_text(reply.ticket));
  writer.end_object();
}

void write_revoked(json::Writer& writer, const std::vector<Revoked>& revoked) {
  writer.key("revoked");
  writer.begin_array();
  for (const auto& entry : revoked) {
    writer.begin_object();
    writer.field("id", entry.id);
    writer.number("epoch", entry.epoch);
    writer.field("reason", revoke_reason_name(entry.reason));
    writer.end_object();
  }
  writer.end_array();
}

void write_drain_fields(json::Writer& writer, const DrainNotice& drain) {
  writer.time_or_null("deadline", drain.deadline);
  writer.key("members");
  writer.begin_array();
  for (const auto& [id, deadline] : drain.members) {
    writer.begin_object();
    writer.field("id", id);
    writer.time_or_null("deadline", deadline);
    writer.end_object();
  }
  writer.end_array();
}

void write_drain(json::Writer& writer, const std::optional<DrainNotice>& drain) {
  if (!drain) {
    writer.null();
    return;
  }
  writer.begin_object();
  write_drain_fields(writer, *drain);
  writer.end_object();
}

void write_delivered(json::Writer& writer, const PacketView& view, const Contents& contents) {
  const auto& governed = view.head->governed;
  if (!governed || governed->redacted.empty()) {
    return write_packet(writer, view, PacketExtras{&contents, nullptr});
  }
  Contents shown;
  for (size_t kind = 0; kind < kContentKinds; ++kind) {
    shown.of[kind] = redacted_content(contents.of[kind], governed->redacted);
  }
  write_packet(writer, view, PacketExtras{&shown, nullptr});
}

void write_delivery(json::Writer& writer, const Delivery& delivery, const Contents& contents) {
  writer.begin_object();
  writer.field("member", delivery.member);
  writer.number("epoch", delivery.epoch);
  writer.key("packet");
  write_delivered(writer, delivery.packet, contents);
  writer.end_object();
}

void write_offer_fields(json::Writer& writer, const Offered& offered) {
  writer.field("member", offered.member);
  writer.field("packet", offered.packet.id());
  writer.field("namespace", offered.packet.ns());
  writer.number("epoch", offered.epoch);
  writer.field("offer", base64_text(offered.offer));
  writer.time_or_null("until", offered.until);
  if (offered.context != nullptr) write_content(writer, "context", offered.context.get());
}

void write_deliveries(json::Writer& writer, const DeliveriesReply& reply,
                      const std::vector<Contents>* contents,
                      const std::optional<std::string>& move_to) {
  writer.begin_object();
  if (contents != nullptr) {
    writer.key("deliveries");
    writer.begin_array();
    for (size_t i = 0; i < reply.deliveries.size(); ++i) {
      write_delivery(writer, reply.deliveries[i], (*contents)[i]);
    }
    writer.end_array();
  }
  write_revoked(writer, reply.revoked);
  writer.key("drain");
  write_drain(writer, reply.drain);
  if (!reply.offers.empty()) {
    writer.key("offers");
    writer.begin_array();
    for (const Offered& offered : reply.offers) {
      writer.begin_object();
      write_offer_fields(writer, offered);
      writer.end_object();
    }
    writer.end_array();
  }
  writer.field("next", reply.next);
  writer.number("run", reply.run);
  writer.number("leaseMs", reply.lease_ms);
  if (move_to) writer.field("moveTo", *move_to);
  writer.end_object();
}

void write_hosts(json::Writer& writer, const std::vector<std::string>& urls) {
  writer.key("hosts");
  writer.begin_array();
  for (const std::string& url : urls) writer.string(url);
  writer.end_array();
}

void write_session(json::Writer& writer, const SessionRecord& session, std::string_view token,
                   const std::optional<uint64_t>& incarnation, std::string_view pool) {
  writer.begin_object();
  writer.field("id", session.id);
  writer.field("token", token);
  writer.field("namespace", session.ns);
  writer.field("pool", pool);
  writer.number("leaseSeconds", session.lease_seconds);
  if (incarnation) writer.number("incarnation", *incarnation);
  writer.end_object();
}

void write_attach(json::Writer& writer, const AttachReply& reply, std::string_view token,
                  const std::vector<std::string>& urls, std::string_view pool) {
  writer.begin_object();
  writer.key("session");
  write_session(writer, reply.session, token, reply.incarnation, pool);
  writer.key("held");
  writer.begin_array();
  for (const auto& [id, epoch] : reply.held) {
    writer.begin_object();
    writer.field("id", id);
    writer.number("epoch", epoch);
    writer.end_object();
  }
  writer.end_array();
  write_revoked(writer, reply.revoked);
  writer.field("next", reply.next);
  writer.number("run", reply.run);
  writer.number("leaseMs", reply.lease_ms);
  write_hosts(writer, urls);
  writer.end_object();
}

void write_history_entry(json::Writer& writer, const HistoryEntry& entry) {
  writer.begin_object();
  writer.time_or_null("at", entry.at);
  writer.number("epoch", entry.epoch);
  writer.number("revision", entry.revision);
  writer.field("event", entry.event);
  writer.field_or_null("owner", entry.owner);
  writer.field_or_null("from", entry.from);
  writer.field_or_null("to", entry.to);
  writer.field_or_null("reason", entry.reason);
  writer.end_object();
}

}  // namespace phoenix
