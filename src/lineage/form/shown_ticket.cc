#include "lineage/form/shown_ticket.h"

#include <algorithm>
#include <optional>

#include "lineage/crypto/refusal.h"
#include "lineage/form/fields.h"

namespace phoenix::lineage {
namespace {

// A tree of 2^64 leaves is no deeper.
constexpr uint32_t kMaxPath = 64;

KeyFinder keys_of(std::span<const NamedKey> trusted, KeyRole role) {
  return [trusted, role](std::string_view id) -> const PublicKey* {
    for (const NamedKey& named : trusted) {
      if (named.role == role && named.key.id() == id) return &named.key;
    }
    return nullptr;
  };
}

// Good in time and epoch?
Result<Ticket> in_time(Ticket ticket, WallMs now, uint64_t seen) {
  if (ticket.issued_at > now + kTicketSkewMs) {
    return refuse("clock-behind", "it was issued " + std::to_string(ticket.issued_at - now) +
                                      " ms in the future of this clock; set the clock");
  }
  if (now >= ticket.expires_at) {
    return refuse("expired",
                  "it was good until " + std::to_string(now - ticket.expires_at) + " ms ago");
  }
  if (ticket.epoch < seen) {
    return refuse("stale-epoch", "its epoch " + std::to_string(ticket.epoch) +
                                     " is below the epoch " + std::to_string(seen) +
                                     " that was seen of " + ticket.packet);
  }
  return ticket;
}

// The pool for which all tickets of a batch were signed; empty: this one was signed alone.
Result<std::string> signed_pool(const ShownTicket& shown, const KeyFinder& find) {
  const auto kind = decode_envelope(shown.evidence.envelope);
  if (!kind) return tl::unexpected(kind.error());
  if (kind->type != Batch::kType) {
    const auto by = check_evidence(shown.evidence, {}, Ticket::kType, shown.ticket, find);
    if (!by) return tl::unexpected(by.error());
    return std::string();
  }
  const auto batch = open<Batch>(shown.evidence.envelope, find);
  if (!batch) return tl::unexpected(batch.error());
  const std::string& pool = batch->statement.pool;
  const auto by = check_in_batch(shown.evidence, *batch, pool, Ticket::kType, shown.ticket);
  if (!by) return tl::unexpected(by.error());
  return pool;
}

}  // namespace

std::string encode(const ShownTicket& shown) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(6);
  out.uint(fields::kVersion);
  fields::put_bytes_or_nil(out, shown.grant);
  out.bin(shown.ticket);
  out.bin(shown.evidence.envelope);
  out.uint(shown.evidence.position);
  out.array(static_cast<uint32_t>(shown.evidence.path.size()));
  for (const Digest& sibling : shown.evidence.path) out.digest(sibling);
  return bytes;
}

template <>
Result<ShownTicket> decode<ShownTicket>(std::string_view bytes) {
  MsgpackReader in(bytes);
  ShownTicket shown;
  fields::take_head(in, 6);
  shown.grant = fields::take_bytes_or_nil(in);
  shown.ticket = in.bin();
  shown.evidence.envelope = in.bin();
  shown.evidence.position = in.uint();
  const uint32_t size = in.array();
  if (size > kMaxPath) in.reject();
  for (uint32_t i = 0; i < size && in.ok(); ++i) shown.evidence.path.push_back(in.digest());
  if (!in.at_end()) return fields::bad_form("ticket as it is shown", bytes.size());
  return shown;
}

Result<Ticket> check_ticket(const ShownTicket& shown, std::span<const NamedKey> trusted, WallMs now,
                            uint64_t seen) {
  std::optional<KeyGrant> grant;
  if (!shown.grant.empty()) {
    auto opened = open<KeyGrant>(shown.grant, keys_of(trusted, KeyRole::kRoot));
    // Of a root that nobody here trusts it says nothing. Where none is, the host's key may be known
    // by itself.
    if (!opened && opened.error().reason_code != "unknown-key") {
      return tl::unexpected(std::move(opened.error()));
    }
    if (opened) grant = std::move(opened->statement);
  }
  const bool rooted = std::any_of(trusted.begin(), trusted.end(), [](const NamedKey& named) {
    return named.role == KeyRole::kRoot;
  });
  const KeyFinder known = keys_of(trusted, KeyRole::kHost);
  const auto find = [&](std::string_view id) -> const PublicKey* {
    if (grant && grant->key.id() == id) return &grant->key;
    return rooted ? nullptr : known(id);
  };
  const auto pool = signed_pool(shown, find);
  if (!pool) return tl::unexpected(pool.error());
  auto ticket = decode<Ticket>(shown.ticket);
  if (!ticket) return tl::unexpected(std::move(ticket.error()));
  if (!pool->empty() && *pool != ticket->pool) {
    return refuse("wrong-statement", "a batch of pool " + *pool + " holds a ticket of another");
  }
  if (grant && grant->pool != ticket->pool) {
    return refuse("wrong-grant", "its host's key is granted for pool " + grant->pool);
  }
  return in_time(*std::move(ticket), now, seen);
}

}  // namespace phoenix::lineage
