#include "cli/audit/audit_reader.h"

#include <charconv>
#include <utility>

#include "base/bytes_text.h"
#include "lineage/crypto/dsse.h"

namespace phoenix::cli {
namespace {

constexpr int64_t kPage = 10'000;

Failure not_understood(const std::string& what) {
  return {kExitFailed, what, "the host's answer is none that this version understands",
          "see: phoenix version", ""};
}

uint64_t number(const Json& value) {
  const auto read = value.integer();
  return read && *read > 0 ? static_cast<uint64_t>(*read) : 0;
}

// All zero, which proves nothing, if it is no digest.
Digest digest_of(const std::string& hex) {
  Digest digest{};
  if (hex.size() != 2 * digest.size()) return digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    const char* first = hex.data() + 2 * i;
    if (std::from_chars(first, first + 2, digest[i], 16).ptr != first + 2) return Digest{};
  }
  return digest;
}

}  // namespace

Outcome<std::vector<AuditLog>> read_logs(Context& context, const std::string& what) {
  auto reply = context.api.get(what, Target({"audit", "logs"}));
  if (!reply) return tl::unexpected(reply.error());
  std::vector<AuditLog> logs;
  for (const Json& item : reply->json["items"].items()) {
    logs.push_back({static_cast<uint32_t>(number(item["log"])), item["host"].text(),
                    number(item["size"]), number(item["firstKept"])});
  }
  return logs;
}

Outcome<std::vector<AuditPrefix>> read_pruned(Context& context, const std::string& what) {
  auto reply = context.api.get(what, Target({"audit", "pruned"}));
  if (!reply) return tl::unexpected(reply.error());
  std::vector<AuditPrefix> all;
  for (const Json& item : reply->json["items"].items()) {
    AuditPrefix one;
    one.log = static_cast<uint32_t>(number(item["log"]));
    one.before = number(item["before"]);
    one.size = number(item["size"]);
    auto prefix = base64_bytes(item["prefix"].text());
    if (!prefix) return tl::unexpected(not_understood(what));
    one.prefix = std::move(*prefix);
    for (const Json& kept : item["kept"].items()) {
      auto bytes = base64_bytes(kept.text());
      if (!bytes) return tl::unexpected(not_understood(what));
      one.kept.push_back(std::move(*bytes));
    }
    all.push_back(std::move(one));
  }
  return all;
}

Outcome<AuditCheckpoint> read_checkpoint(Context& context, const std::string& what) {
  auto reply = context.api.get(what, Target({"audit", "checkpoint"}));
  if (!reply) return tl::unexpected(reply.error());
  auto bytes = base64_bytes(reply->json["envelope"].text());
  if (!bytes) return tl::unexpected(not_understood(what));
  const auto envelope = lineage::decode_envelope(*bytes);
  if (!envelope) return tl::unexpected(not_understood(what));
  auto statement = lineage::decode<lineage::Checkpoint>(envelope->payload);
  if (!statement) return tl::unexpected(not_understood(what));
  return AuditCheckpoint{std::move(*bytes), std::move(*statement)};
}

Outcome<lineage::Proof> read_proof(Context& context, const std::string& what,
                                   const Target& target) {
  auto reply = context.api.get(what, target);
  if (!reply) return tl::unexpected(reply.error());
  lineage::Proof proof;
  for (const Json& item : reply->json["hashes"].items()) proof.push_back(digest_of(item.text()));
  return proof;
}

Outcome<bool> read_entries(Context& context, const std::string& what, uint32_t log, uint64_t after,
                           const std::function<bool(AuditEntry)>& take) {
  for (;;) {
    Target target({"audit", "entries"});
    target.with("log", int64_t{log}).with("after", static_cast<int64_t>(after));
    target.with("limit", kPage);
    auto reply = context.api.get(what, target);
    if (!reply) return tl::unexpected(reply.error());
    const auto& items = reply->json["items"].items();
    if (items.empty()) return true;
    for (const Json& item : items) {
      AuditEntry entry;
      entry.position = number(item["position"]);
      auto bytes = base64_bytes(item["entry"].text());
      if (!bytes || entry.position <= after) return tl::unexpected(not_understood(what));
      entry.bytes = std::move(*bytes);
      after = entry.position;
      if (!take(std::move(entry))) return true;
    }
  }
}

}  // namespace phoenix::cli
