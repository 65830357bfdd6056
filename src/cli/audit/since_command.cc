#include "cli/audit/since_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes_text.h"
#include "base/json/json_writer.h"
#include "cli/audit/audit_reader.h"
#include "cli/table.h"
#include "lineage/crypto/sha256.h"
#include "lineage/tree/proof.h"

namespace phoenix::cli {
namespace {

using lineage::Checkpoint;
using lineage::LogRoot;

constexpr size_t kMaxCheckpointFile = 512 * 1024;

Outcome<Checkpoint> read_kept(const std::string& what, const std::string& path) {
  auto text = read_input(path, kMaxCheckpointFile, what);
  if (!text) return tl::unexpected(text.error());
  if (text->ends_with('\n')) text->pop_back();
  const auto bytes = base64_bytes(*text);
  const auto envelope =
      bytes ? lineage::decode_envelope(*bytes) : Result<lineage::Envelope>(tl::unexpected(Error{}));
  if (envelope && envelope->type == Checkpoint::kType) {
    auto statement = lineage::decode<Checkpoint>(envelope->payload);
    if (statement) return *std::move(statement);
  }
  return tl::unexpected(
      wrong_use(what, path + " is no checkpoint", "get one: phoenix audit checkpoint --out FILE"));
}

tl::unexpected<Failure> broken(const std::string& what, std::string why) {
  Failure failure;
  failure.exit_code = kExitUnverified;
  failure.what = what;
  failure.why = std::move(why);
  failure.next =
      "take an export, and look where it differs: phoenix audit export, phoenix audit verify";
  return tl::unexpected(std::move(failure));
}

// How many hashes it took.
Outcome<size_t> prove_log(Context& context, const std::string& what, const LogRoot& then,
                          const Checkpoint& now) {
  const auto found = std::find_if(now.logs.begin(), now.logs.end(),
                                  [&then](const LogRoot& root) { return root.log == then.log; });
  if (found == now.logs.end() || found->size < then.size) {
    return broken(what, fmt::format("log {} had {} entries, and {} now", then.log, then.size,
                                    found == now.logs.end() ? 0 : found->size));
  }
  lineage::Proof proof;
  if (found->size > then.size) {
    Target target({"audit", "proof"});
    target.with("log", int64_t{then.log}).with("from", static_cast<int64_t>(then.size));
    target.with("size", static_cast<int64_t>(found->size));
    auto got = read_proof(context, what, target);
    if (!got) return tl::unexpected(got.error());
    proof = *std::move(got);
  }
  if (lineage::verify_consistency(then.size, then.root, found->size, found->root, proof)) {
    return proof.size();
  }
  return broken(what, fmt::format("log {} does not begin with the {} entries that {} signed at {}",
                                  then.log, then.size, now.host, json::time_text(now.at)));
}

}  // namespace

Outcome<int> prove_since(Context& context, const std::string& path) {
  const std::string what = "cannot prove that the logs only grew";
  const auto then = read_kept(what, path);
  if (!then) return tl::unexpected(then.error());
  const auto now = read_checkpoint(context, what);
  if (!now) return tl::unexpected(now.error());
  if (now->statement.pool != then->pool) {
    return broken(what, fmt::format("the checkpoint is of pool {}, and the host of pool {}",
                                    harmless(then->pool), harmless(now->statement.pool)));
  }
  Json logs = Json::array();
  std::string text;
  for (const LogRoot& root : then->logs) {
    const auto hashes = prove_log(context, what, root, now->statement);
    if (!hashes) return tl::unexpected(hashes.error());
    const auto found = std::find_if(now->statement.logs.begin(), now->statement.logs.end(),
                                    [&root](const LogRoot& one) { return one.log == root.log; });
    logs.push(Json::object()
                  .set("log", Json::number(root.log))
                  .set("from", Json::number(static_cast<int64_t>(root.size)))
                  .set("size", Json::number(static_cast<int64_t>(found->size)))
                  .set("hashes", Json::number(static_cast<int64_t>(*hashes))));
    text += fmt::format("log {}: the {} entries of then are the first of its {}, by {} hashes\n",
                        root.log, root.size, found->size, *hashes);
  }
  Json document = Json::object();
  document.set("pool", Json::string(then->pool))
      .set("then", Json::string(json::time_text(then->at)))
      .set("now", Json::string(json::time_text(now->statement.at)))
      .set("logs", std::move(logs));
  print_answer(context, document, "", text);
  return kExitDone;
}

}  // namespace phoenix::cli
