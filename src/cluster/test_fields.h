// For tests of messages: every field of every type in them, once. Structured bindings make a field
// that is added without being named here a compile error, so that no test forgets it.
#pragma once

#include <concepts>
#include <type_traits>

#include "cluster/peer_message.h"

namespace phoenix::testing_cluster {

template <class V, class T>
concept Is = std::same_as<std::remove_const_t<V>, T>;

// What PHOENIX_FIELDS(Type, a, b) makes: fields(value, f) -> f(value.a, value.b).
#define PHOENIX_FIELDS(Type, ...) \
  template <Is<Type> V, class F>  \
  auto fields(V& value, F f) {    \
    auto& [__VA_ARGS__] = value;  \
    return f(__VA_ARGS__);        \
  }

PHOENIX_FIELDS(HostLife, host, life)
PHOENIX_FIELDS(FieldError, pointer, detail)
PHOENIX_FIELDS(Error, kind, detail, reason_code, list, epoch, revision, owner, status, last_error,
               retry_after_ms)
PHOENIX_FIELDS(Content, is_json, type, data)
PHOENIX_FIELDS(PacketSpec, name, labels, tags, affinity, traceparent, tracestate, content_type,
               match, spread, priority, load, not_before, deadline, timeout, attempts, losses,
               retain, digest)
PHOENIX_FIELDS(Parked, reason, since, until)
PHOENIX_FIELDS(Owner, id, incarnation)
PHOENIX_FIELDS(KeptAnswer, epoch, revision, call, status, member, digest)
PHOENIX_FIELDS(ContentInfo, present, is_json, size, revision)
PHOENIX_FIELDS(LastError, message, code)
PHOENIX_FIELDS(Packet, key, spec, required, point, placement_point, status, epoch, revision, owner,
               parked, avoid, attempts, losses, checkpoint_seq, contents, last_error, kept,
               created_at, updated_at, ended_at, legs, last_leg, governed, ticket_ms)
PHOENIX_FIELDS(Governed, contract, scopes, semantic, handoffs, asked_by, redacted)
PHOENIX_FIELDS(DocumentKey, kind, ns, name)
PHOENIX_FIELDS(Document, key, revision, app, text, deleted, changed_at)
PHOENIX_FIELDS(MemberRecord, key, kind, capabilities, weight, max_load, trust, reliability,
               compliance, labels, manual, status, reason, incarnation, revision, session,
               registered_by, joined_at, updated_at, drain_deadline, public_key, next_key,
               former_key, uncertified)
PHOENIX_FIELDS(SessionRecord, id, ns, generation, lease_seconds, grace_ms, state, home, members,
               registered_by, revision, ended_at)

PHOENIX_FIELDS(Caller, session, generation, principal, is_operator, as_member, is_approver, human)
PHOENIX_FIELDS(Idempotency, scope, request)
PHOENIX_FIELDS(SubmitItem, key, id_from, spec, required, payload, governed)
PHOENIX_FIELDS(Submit, items, single)
PHOENIX_FIELDS(lineage::Evidence, envelope, position, path)
PHOENIX_FIELDS(OwnerCall, call, key, epoch, digest, content, seq, error, retry, retry_after_ms, to,
               required, reason, evidence, statement, declines, scopes, semantic, contract,
               promised_ms, promised_at)
PHOENIX_FIELDS(OwnerCalls, items, single)
PHOENIX_FIELDS(OrderPacket, order, key, to, reason, if_revision)
PHOENIX_FIELDS(Duration, ns)
PHOENIX_FIELDS(AwaitPacket, key, wait)
PHOENIX_FIELDS(Register, members, lease_seconds, grace_ms, replace, single, session_id, proofs)
PHOENIX_FIELDS(SessionRef, ns, member, session)
PHOENIX_FIELDS(Poll, ref, max, wait, after)
PHOENIX_FIELDS(Heartbeat, ref, after)
PHOENIX_FIELDS(OpenStream, ref, after)
PHOENIX_FIELDS(Attach, ref)
PHOENIX_FIELDS(Drain, ref, deadline_seconds)
PHOENIX_FIELDS(Resume, ref)
PHOENIX_FIELDS(Retire, ref)
PHOENIX_FIELDS(AddMembers, ref, members, proofs)
PHOENIX_FIELDS(RemoveMembers, ref, ids)
PHOENIX_FIELDS(PatchMember, key, capabilities, weight, max_load, labels, replace_labels,
               if_revision, next_key, revoke_key)
PHOENIX_FIELDS(AwaitMember, key, wait)
PHOENIX_FIELDS(ApplyDocuments::Item, kind, name, text, if_revision)
PHOENIX_FIELDS(ApplyDocuments, ns, app, items, prune, dry_run)
PHOENIX_FIELDS(DecideApproval, ns, name, approve, reason)

PHOENIX_FIELDS(PacketView, head, status, parked, contract)
PHOENIX_FIELDS(PacketReply, packet, created)
PHOENIX_FIELDS(OwnerReply, id, status, epoch, revision, ticket)
PHOENIX_FIELDS(BatchReply, items, ids)
PHOENIX_FIELDS(MemberView, record, current_load, last_seen_at, lease_seconds, grace_ms)
PHOENIX_FIELDS(MembersReply, members, created, single, accepted, session, incarnation, run,
               lease_ms, certificate)
PHOENIX_FIELDS(DocumentsReply::Item, document, change)
PHOENIX_FIELDS(DocumentsReply, items, dry_run)
PHOENIX_FIELDS(Delivery, member, epoch, packet)
PHOENIX_FIELDS(DrainNotice, deadline, members)
PHOENIX_FIELDS(Revoked, id, epoch, reason)
PHOENIX_FIELDS(Offered, member, packet, point, epoch, offer, context, until)
PHOENIX_FIELDS(DeliveriesReply, deliveries, revoked, drain, next, run, lease_ms, offers)
PHOENIX_FIELDS(AttachReply, session, held, revoked, next, run, lease_ms, incarnation)

PHOENIX_FIELDS(Deliver, head, again, contents)
PHOENIX_FIELDS(DeliverAll, slots, items, last)
PHOENIX_FIELDS(Withdraw, key, epoch, reason)
PHOENIX_FIELDS(Taken, key, epoch, started)
PHOENIX_FIELDS(Untaken, key, epoch)
PHOENIX_FIELDS(Turned, key, epoch, why, member, session)
PHOENIX_FIELDS(Records, sessions, members, gone_members, gone_sessions)
PHOENIX_FIELDS(Loads, others, asked, given)
PHOENIX_FIELDS(Documents, documents)
PHOENIX_FIELDS(Parted, key, incarnation, done)

PHOENIX_FIELDS(PeerCall, call, view, hops, caller, idempotency, body)
PHOENIX_FIELDS(PeerAnswer, call, view, body, replayed)
PHOENIX_FIELDS(PeerPortion, call, end, portion)
PHOENIX_FIELDS(PeerAbandon, call, closed_by_peer)
PHOENIX_FIELDS(ContentsWanted, call, key, mask)
PHOENIX_FIELDS(ContentsAnswer, call, contents)
PHOENIX_FIELDS(SlotsFreed, view, slots)
PHOENIX_FIELDS(Wrote, pending, assigned, running)

#undef PHOENIX_FIELDS

}  // namespace phoenix::testing_cluster
