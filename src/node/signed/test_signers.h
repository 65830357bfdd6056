// For tests: members with keys on a stage, and the verifier's word on all that was recorded there.
#pragma once

#include <string>

#include "lineage/audit/export_format.h"
#include "lineage/audit/verifier.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/evidence.h"
#include "lineage/tree/log_tree.h"
#include "node/test_stage.h"

namespace phoenix::testing_node {

inline lineage::KeyPair key_of(std::string_view name) {
  lineage::Seed seed;
  const Digest digest = lineage::sha256("a test's key of ", name);
  std::copy(digest.begin(), digest.end(), seed.begin());
  return lineage::KeyPair::from_seed(seed);
}
inline std::string bytes(const lineage::KeyPair& pair) {
  return std::string(pair.public_key().view());
}
// The reason code of a refusal, or "done".
inline std::string code(const ReplyBody& reply) {
  const auto* error = std::get_if<Error>(&reply);
  return error == nullptr ? "done" : error->reason_code;
}

inline constexpr const char* kPool = "pool";

inline std::string proof_of(const std::string& id, const lineage::KeyPair& pair) {
  return lineage::sign(pair, lineage::RegistrationProof{kPool, "default", id, pair.public_key(),
                                                        lineage::sha256("any challenge")});
}

// What the verifier says of all that was recorded, under one checkpoint.
inline lineage::AuditReport audit_of(const Records& records) {
  const lineage::KeyPair host = key_of("host");
  lineage::LogTree tree;
  std::vector<Digest> leaves;
  std::string entries;
  for (const std::string& entry : records.log) {
    leaves.push_back(lineage::leaf_hash(entry));
    tree.append(leaves.back());
    entries += lineage::export_line(lineage::LineKind::kEntry, entry);
  }
  const std::string checkpoint =
      lineage::sign(host, lineage::Checkpoint{kPool, "host", 1, {{1, tree.size(), tree.root()}}});
  const std::string text = std::string(lineage::kExportHeader) + "\n" +
                           lineage::export_line(lineage::LineKind::kCheckpoint, checkpoint) +
                           lineage::export_hashes(leaves) + entries;
  const auto report = lineage::verify_export(
      text, {{lineage::KeyRole::kHost, "host", host.public_key()}}, {checkpoint});
  EXPECT_TRUE(report);
  if (!report) return {};
  EXPECT_FALSE(report->fault) << report->fault->code << ": " << report->fault->detail;
  return *report;
}

class SignedStage {
 public:
  SignedStage() : stage(config()) {}
  static NodeConfig config(bool require_keys = false) {
    NodeConfig config;
    config.pool = kPool;
    config.require_keys = require_keys;
    config.signer = lineage::NamedKeyPair{lineage::KeyRole::kHost, "host", key_of("host")};
    return config;
  }

  Register registration(const std::string& id, const lineage::KeyPair& pair,
                        const MemberOptions& options) {
    MemberRecord wanted = Stage::record(id, {"a"}, options);
    wanted.public_key = bytes(pair);
    Register out = stage.registration({wanted}, options);
    out.proofs = {proof_of(id, pair)};
    return out;
  }
  ReplyBody try_join(const std::string& id, const lineage::KeyPair& pair,
                     const MemberOptions& options = {}) {
    return stage.call(Stage::principal(), registration(id, pair, options));
  }
  Worker join(const std::string& id, const lineage::KeyPair& pair,
              const MemberOptions& options = {}) {
    return Stage::joined(id, try_join(id, pair, options));
  }
  static lineage::Completion completion(const std::string& packet, uint64_t epoch,
                                        const std::string& member, const std::string& result) {
    return {
        kPool, "default", packet, epoch, member, lineage::End::kCompleted, lineage::sha256(result)};
  }
  ReplyBody complete(const Worker& worker, const std::string& packet, uint64_t epoch,
                     const std::string& result, std::string envelope) {
    OwnerCall call = Stage::owner_call(Call::kComplete, packet, epoch, result);
    if (!envelope.empty()) call.evidence = lineage::Evidence{std::move(envelope), 0, {}};
    return stage.own(Stage::token(worker), std::move(call));
  }
  ReplyBody patch(const std::string& id, std::optional<std::string> next, bool revoke,
                  const Caller& caller = Stage::op()) {
    PatchMember wanted;
    wanted.key = Stage::member(id);
    wanted.next_key = std::move(next);
    wanted.revoke_key = revoke;
    return stage.call(caller, wanted);
  }

  lineage::AuditReport audit() { return audit_of(stage.records); }

  Stage stage;
};

}  // namespace phoenix::testing_node
