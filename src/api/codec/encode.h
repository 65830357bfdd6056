// Packets, members, deliveries and replies as the JSON that people and members read. Fields stand
// in the order of the documentation.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json_writer.h"
#include "node/command.h"
#include "runtime/host.h"

namespace phoenix {

// What a packet's JSON shows beside its head.
struct PacketExtras {
  // Null: the fields payload, checkpoint, context and result are left out.
  const Contents* contents = nullptr;
  // Capabilities that no member has, for a parked packet.
  const std::vector<std::string>* missing = nullptr;
};
void write_packet(json::Writer& writer, const PacketView& view, const PacketExtras& extras);

// "payload":<JSON>, or "payloadBase64":"..." for bytes; null if there is none.
void write_content(json::Writer& writer, std::string_view name, const Content* content);

void write_member(json::Writer& writer, const MemberView& view, std::string_view home);

// {"id","status","epoch","revision"}
void write_owner_reply(json::Writer& writer, const OwnerReply& reply);

void write_revoked(json::Writer& writer, const std::vector<Revoked>& revoked);
// "deadline":...,"members":[...]
void write_drain_fields(json::Writer& writer, const DrainNotice& drain);
void write_drain(json::Writer& writer, const std::optional<DrainNotice>& drain);
// A packet as its owner is shown it: with its contents, without what policies keep back.
void write_delivered(json::Writer& writer, const PacketView& view, const Contents& contents);
// {"member","epoch","packet"}; the packet with payload, checkpoint and context.
void write_delivery(json::Writer& writer, const Delivery& delivery, const Contents& contents);
// The whole answer of a poll, or of a heartbeat (contents null: without deliveries). `move_to`: the
// base URL of the host at which the member should attach instead.
void write_deliveries(json::Writer& writer, const DeliveriesReply& reply,
                      const std::vector<Contents>* contents,
                      const std::optional<std::string>& move_to);

// {"member","packet","namespace","epoch","offer","until"[,"context"|"contextBase64"]}
void write_offer_fields(json::Writer& writer, const Offered& offered);
// {"id","token","namespace","pool","leaseSeconds"[,"incarnation"]}
void write_session(json::Writer& writer, const SessionRecord& session, std::string_view token,
                   const std::optional<uint64_t>& incarnation, std::string_view pool);
// "hosts":[...], the base URLs at which a session may be attached.
void write_hosts(json::Writer& writer, const std::vector<std::string>& urls);
void write_attach(json::Writer& writer, const AttachReply& reply, std::string_view token,
                  const std::vector<std::string>& urls, std::string_view pool);

// {"message","code"} or null.
void write_last_error(json::Writer& writer, const LastError* error);
void write_history_entry(json::Writer& writer, const HistoryEntry& entry);

}  // namespace phoenix
