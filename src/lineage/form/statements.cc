#include "lineage/form/statements.h"

#include <algorithm>
#include <iterator>

#include "lineage/form/fields.h"

namespace phoenix::lineage {
namespace {

using fields::bad_form;
using fields::kVersion;
using fields::put_digest_or_nil;
using fields::put_key;
using fields::put_names;
using fields::put_party;
using fields::put_text_or_nil;
using fields::take_digest_or_nil;
using fields::take_head;
using fields::take_id;
using fields::take_id_or_nil;
using fields::take_key;
using fields::take_name;
using fields::take_names;
using fields::take_party;

constexpr std::string_view kEndNames[] = {"COMPLETED", "FAILED", "CANCELED", "EXPIRED", "REJECTED"};

End take_end(MsgpackReader& in) {
  const uint64_t end = in.uint(static_cast<uint64_t>(End::kRejected));
  if (end == 0) in.reject();
  return static_cast<End>(end);
}

void put_heads(MsgpackWriter& out, const std::vector<LogHead>& heads) {
  out.array(static_cast<uint32_t>(heads.size()));
  for (const LogHead& head : heads) {
    out.array(2);
    out.uint(head.log);
    out.uint(head.size);
  }
}

void put_roots(MsgpackWriter& out, const std::vector<LogRoot>& roots) {
  out.array(static_cast<uint32_t>(roots.size()));
  for (const LogRoot& root : roots) {
    out.array(3);
    out.uint(root.log);
    out.uint(root.size);
    out.digest(root.root);
  }
}

// Reads a list that ascends by log; each element has so many fields, of which `one` reads the rest.
template <class Head, class One>
std::vector<Head> take_logs(MsgpackReader& in, uint32_t elements, One one) {
  const uint32_t size = in.array();
  if (size > kMaxLogs) in.reject();
  std::vector<Head> heads;
  for (uint32_t i = 0; i < size && in.ok(); ++i) {
    in.array_of(elements);
    Head head;
    head.log = static_cast<uint32_t>(in.uint(UINT32_MAX));
    head.size = in.uint();
    one(head);
    if (head.size == 0 || (i > 0 && heads.back().log >= head.log)) in.reject();
    heads.push_back(head);
  }
  return heads;
}

std::vector<LogHead> take_heads(MsgpackReader& in) {
  return take_logs<LogHead>(in, 2, [](LogHead&) {});
}

std::vector<LogRoot> take_roots(MsgpackReader& in) {
  return take_logs<LogRoot>(in, 3, [&in](LogRoot& root) { root.root = in.digest(); });
}

}  // namespace

std::string_view end_name(End end) { return kEndNames[static_cast<size_t>(end) - 1]; }

std::string encode(const KeyGrant& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(5);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.host);
  put_key(out, s.key);
  out.sint(s.at);
  return bytes;
}

template <>
Result<KeyGrant> decode<KeyGrant>(std::string_view bytes) {
  MsgpackReader in(bytes);
  KeyGrant s;
  take_head(in, 5);
  s.pool = take_id(in);
  s.host = take_id(in);
  s.key = take_key(in);
  s.at = in.sint();
  if (!in.at_end()) return bad_form("key grant", bytes.size());
  return s;
}

std::string encode(const KeyRequest& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(6);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.host);
  put_key(out, s.key);
  out.digest(s.token);
  out.digest(s.mac);
  return bytes;
}

template <>
Result<KeyRequest> decode<KeyRequest>(std::string_view bytes) {
  MsgpackReader in(bytes);
  KeyRequest s;
  take_head(in, 6);
  s.pool = take_id(in);
  s.host = take_id(in);
  s.key = take_key(in);
  s.token = in.digest();
  s.mac = in.digest();
  if (!in.at_end()) return bad_form("key request", bytes.size());
  return s;
}

std::string encode(const RegistrationProof& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(6);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.ns);
  out.str(s.member);
  put_key(out, s.key);
  out.digest(s.challenge);
  return bytes;
}

template <>
Result<RegistrationProof> decode<RegistrationProof>(std::string_view bytes) {
  MsgpackReader in(bytes);
  RegistrationProof s;
  take_head(in, 6);
  s.pool = take_id(in);
  s.ns = take_id(in);
  s.member = take_id(in);
  s.key = take_key(in);
  s.challenge = in.digest();
  if (!in.at_end()) return bad_form("registration proof", bytes.size());
  return s;
}

std::string encode(const HandoffOffer& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(13);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.ns);
  out.str(s.packet);
  out.uint(s.epoch);
  out.str(s.offer);
  put_party(out, s.giver);
  put_text_or_nil(out, s.receiver);
  put_names(out, s.selector);
  out.sint(s.expires_at);
  put_digest_or_nil(out, s.context);
  put_digest_or_nil(out, s.contract);
  put_names(out, s.scopes);
  return bytes;
}

template <>
Result<HandoffOffer> decode<HandoffOffer>(std::string_view bytes) {
  MsgpackReader in(bytes);
  HandoffOffer s;
  take_head(in, 13);
  s.pool = take_id(in);
  s.ns = take_id(in);
  s.packet = take_id(in);
  s.epoch = in.uint();
  s.offer = take_id(in);
  s.giver = take_party(in);
  s.receiver = take_id_or_nil(in);
  s.selector = take_names(in);
  s.expires_at = in.sint();
  s.context = take_digest_or_nil(in);
  s.contract = take_digest_or_nil(in);
  s.scopes = take_names(in);
  if (!in.at_end()) return bad_form("handoff offer", bytes.size());
  return s;
}

std::string encode(const HandoffAcceptance& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(9);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.ns);
  out.str(s.packet);
  out.uint(s.epoch);
  out.digest(s.offer);
  put_party(out, s.receiver);
  put_digest_or_nil(out, s.context);
  out.sint(s.at);
  return bytes;
}

template <>
Result<HandoffAcceptance> decode<HandoffAcceptance>(std::string_view bytes) {
  MsgpackReader in(bytes);
  HandoffAcceptance s;
  take_head(in, 9);
  s.pool = take_id(in);
  s.ns = take_id(in);
  s.packet = take_id(in);
  s.epoch = in.uint();
  s.offer = in.digest();
  s.receiver = take_party(in);
  s.context = take_digest_or_nil(in);
  s.at = in.sint();
  if (!in.at_end()) return bad_form("handoff acceptance", bytes.size());
  return s;
}

std::string encode(const Approval& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(9);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.ns);
  out.str(s.packet);
  out.uint(s.epoch);
  out.digest(s.offer);
  out.str(s.approver);
  out.boolean(s.approved);
  out.sint(s.at);
  return bytes;
}

template <>
Result<Approval> decode<Approval>(std::string_view bytes) {
  MsgpackReader in(bytes);
  Approval s;
  take_head(in, 9);
  s.pool = take_id(in);
  s.ns = take_id(in);
  s.packet = take_id(in);
  s.epoch = in.uint();
  s.offer = in.digest();
  s.approver = take_id(in);
  s.approved = in.boolean();
  s.at = in.sint();
  if (!in.at_end()) return bad_form("approval", bytes.size());
  return s;
}

std::string encode(const Completion& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(8);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.ns);
  out.str(s.packet);
  out.uint(s.epoch);
  out.str(s.member);
  out.uint(static_cast<uint64_t>(s.end));
  put_digest_or_nil(out, s.result);
  return bytes;
}

template <>
Result<Completion> decode<Completion>(std::string_view bytes) {
  MsgpackReader in(bytes);
  Completion s;
  take_head(in, 8);
  s.pool = take_id(in);
  s.ns = take_id(in);
  s.packet = take_id(in);
  s.epoch = in.uint();
  s.member = take_id(in);
  s.end = take_end(in);
  s.result = take_digest_or_nil(in);
  if (!in.at_end()) return bad_form("completion", bytes.size());
  return s;
}

std::string encode(const Batch& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(5);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.type);
  out.uint(s.count);
  out.digest(s.root);
  return bytes;
}

template <>
Result<Batch> decode<Batch>(std::string_view bytes) {
  MsgpackReader in(bytes);
  Batch s;
  take_head(in, 5);
  s.pool = take_id(in);
  s.type = take_name(in);
  s.count = in.uint();
  s.root = in.digest();
  if (s.count == 0) in.reject();
  if (!in.at_end()) return bad_form("batch", bytes.size());
  return s;
}

std::string encode(const Ticket& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(9);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.ns);
  out.str(s.packet);
  out.uint(s.epoch);
  put_party(out, s.owner);
  put_names(out, s.scopes);
  out.sint(s.issued_at);
  out.sint(s.expires_at);
  return bytes;
}

template <>
Result<Ticket> decode<Ticket>(std::string_view bytes) {
  MsgpackReader in(bytes);
  Ticket s;
  take_head(in, 9);
  s.pool = take_id(in);
  s.ns = take_id(in);
  s.packet = take_id(in);
  s.epoch = in.uint();
  s.owner = take_party(in);
  s.scopes = take_names(in);
  s.issued_at = in.sint();
  s.expires_at = in.sint();
  if (!in.at_end()) return bad_form("ticket", bytes.size());
  return s;
}

std::string encode(const DrainCertificate& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(7);
  out.uint(kVersion);
  out.str(s.pool);
  put_text_or_nil(out, s.ns);
  out.str(s.id);
  out.uint(s.incarnation);
  out.sint(s.at);
  put_heads(out, s.heads);
  return bytes;
}

template <>
Result<DrainCertificate> decode<DrainCertificate>(std::string_view bytes) {
  MsgpackReader in(bytes);
  DrainCertificate s;
  take_head(in, 7);
  s.pool = take_id(in);
  s.ns = take_id_or_nil(in);
  s.id = take_id(in);
  s.incarnation = in.uint();
  s.at = in.sint();
  s.heads = take_heads(in);
  if (!in.at_end()) return bad_form("drain certificate", bytes.size());
  return s;
}

std::string encode(const Checkpoint& s) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(5);
  out.uint(kVersion);
  out.str(s.pool);
  out.str(s.host);
  out.sint(s.at);
  put_roots(out, s.logs);
  return bytes;
}

template <>
Result<Checkpoint> decode<Checkpoint>(std::string_view bytes) {
  MsgpackReader in(bytes);
  Checkpoint s;
  take_head(in, 5);
  s.pool = take_id(in);
  s.host = take_id(in);
  s.at = in.sint();
  s.logs = take_roots(in);
  if (!in.at_end()) return bad_form("checkpoint", bytes.size());
  return s;
}

}  // namespace phoenix::lineage
