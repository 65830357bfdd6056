// The flight recorder: its logs, their entries as they were signed, checkpoints and proofs. Bytes
// are base64; whoever wants to believe them verifies them elsewhere. The logs tell of every
// namespace, so all of it is the operator's.

#include "api/codec/encode.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"
#include "base/json/fields.h"
#include "lineage/crypto/sha256.h"
#include "runtime/recorder/flight_recorder.h"

namespace phoenix {
namespace {

constexpr int64_t kMaxEntries = 10'000;
constexpr int64_t kUsualEntries = 1'000;

FlightRecorder* recorder_of(const RestCallPtr& call) {
  FlightRecorder* recorder = call->host().recorder();
  if (recorder == nullptr) {
    call->fail(
        fail(ErrorKind::kNotFound, "this host has no key, and so no flight recorder").value());
  }
  return recorder;
}

void write_bytes(json::Writer& writer, std::string_view name, std::string_view bytes) {
  std::string text;
  json::append_base64(text, bytes);
  writer.field(name, text);
}

std::string write_logs(const std::vector<LogState>& logs) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const LogState& log : logs) {
    writer.begin_object();
    writer.number("log", log.log);
    writer.field_or_null("host", log.host);
    writer.number("size", log.size);
    writer.number("firstKept", log.first);
    writer.flag("closed", log.closed);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return body;
}

void get_logs(const RestCallPtr& call) {
  call->host().read<std::vector<LogState>>([](Reader& reader) { return reader.logs(); },
                                           [call](Result<std::vector<LogState>> logs) {
                                             if (!logs) return call->fail(logs.error());
                                             call->respond(200, write_logs(*logs));
                                           });
}

void get_entries(const RestCallPtr& call) {
  json::Faults faults;
  const auto log = call->query().integer("log", 0, UINT32_MAX, faults);
  const auto after = call->query().integer("after", 0, INT64_MAX, faults);
  const auto limit = call->query().integer("limit", 1, kMaxEntries, faults);
  if (faults.any()) return call->fail(faults.error());
  const auto number = static_cast<uint32_t>(log.value_or(0));
  const auto from = static_cast<uint64_t>(after.value_or(0));
  const auto most = static_cast<uint32_t>(limit.value_or(kUsualEntries));
  using Entries = std::vector<RecordedEntry>;
  call->host().read<Entries>([=](Reader& reader) { return reader.recorded(number, from, most); },
                             [call](Result<Entries> entries) {
                               if (!entries) return call->fail(entries.error());
                               std::string body;
                               json::Writer writer(body);
                               writer.begin_object();
                               writer.key("items");
                               writer.begin_array();
                               for (const RecordedEntry& entry : *entries) {
                                 writer.begin_object();
                                 writer.number("position", entry.position);
                                 write_bytes(writer, "entry", entry.bytes);
                                 writer.end_object();
                               }
                               writer.end_array();
                               writer.end_object();
                               call->respond(200, std::move(body));
                             });
}

void get_checkpoint(const RestCallPtr& call) {
  FlightRecorder* recorder = recorder_of(call);
  if (recorder == nullptr) return;
  const std::string key_id = recorder->key().key.id();
  recorder->checkpoint([call, key_id](Result<SignedCheckpoint> made) {
    if (!made) return call->fail(made.error());
    std::string body;
    json::Writer writer(body);
    writer.begin_object();
    writer.field("pool", made->statement.pool);
    writer.field("host", made->statement.host);
    writer.field("keyId", key_id);
    writer.time_or_null("at", made->statement.at);
    writer.key("logs");
    writer.begin_array();
    for (const lineage::LogRoot& root : made->statement.logs) {
      writer.begin_object();
      writer.number("log", root.log);
      writer.number("size", root.size);
      writer.field("root", lineage::hex(root.root));
      writer.end_object();
    }
    writer.end_array();
    write_bytes(writer, "envelope", made->envelope);
    writer.end_object();
    call->respond(200, std::move(body));
  });
}

// The beginnings of logs that are gone, as an export has them.
void get_pruned(const RestCallPtr& call) {
  FlightRecorder* recorder = recorder_of(call);
  if (recorder == nullptr) return;
  recorder->pruned([call](Result<std::vector<lineage::PrunedLog>> pruned) {
    if (!pruned) return call->fail(pruned.error());
    std::string body;
    json::Writer writer(body);
    writer.begin_object();
    writer.key("items");
    writer.begin_array();
    for (const lineage::PrunedLog& log : *pruned) {
      writer.begin_object();
      writer.number("log", log.log);
      writer.number("before", log.before);
      writer.number("size", log.size());
      write_bytes(writer, "prefix", lineage::encode_prefix(log.prefix()));
      writer.key("kept");
      writer.begin_array();
      for (const lineage::KeptEntry& one : log.kept()) {
        std::string text;
        json::append_base64(text, lineage::encode_kept(one));
        writer.string(text);
      }
      writer.end_array();
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
    call->respond(200, std::move(body));
  });
}

void answer_proof(const RestCallPtr& call, const Result<lineage::Proof>& proof) {
  if (!proof) return call->fail(proof.error());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("hashes");
  writer.begin_array();
  for (const Digest& digest : *proof) writer.string(lineage::hex(digest));
  writer.end_array();
  writer.end_object();
  call->respond(200, std::move(body));
}

// ?log&position&size: that an entry is in a tree; ?log&from&size: that a tree begins with another.
void get_proof(const RestCallPtr& call) {
  json::Faults faults;
  const auto log = call->query().integer("log", 0, UINT32_MAX, faults);
  const auto position = call->query().integer("position", 0, INT64_MAX, faults);
  const auto from = call->query().integer("from", 0, INT64_MAX, faults);
  const auto size = call->query().integer("size", 1, INT64_MAX, faults);
  if (!size) faults.add("query:size", "is required: the number of entries of the tree");
  if (position.has_value() == from.has_value()) {
    faults.add("query:position", "give one of position and from");
  }
  if (faults.any()) return call->fail(faults.error());
  FlightRecorder* recorder = recorder_of(call);
  if (recorder == nullptr) return;
  const auto number = static_cast<uint32_t>(log.value_or(0));
  const auto done = [call](const Result<lineage::Proof>& proof) { answer_proof(call, proof); };
  const auto entries = static_cast<uint64_t>(*size);
  if (position) return recorder->inclusion(number, static_cast<uint64_t>(*position), entries, done);
  recorder->consistency(number, static_cast<uint64_t>(*from), entries, done);
}

}  // namespace

void add_audit_routes(std::vector<Route>& table) {
  const auto add = [&table](std::string_view path, void (*handle)(const RestCallPtr&),
                            std::vector<std::string_view> query) {
    table.push_back(
        {"GET", path, handle, Access::kRole, kOperator, BodyRule::kNone, std::move(query)});
  };
  add("/v1/audit/logs", get_logs, {});
  add("/v1/audit/entries", get_entries, {"log", "after", "limit"});
  add("/v1/audit/checkpoint", get_checkpoint, {});
  add("/v1/audit/pruned", get_pruned, {});
  add("/v1/audit/proof", get_proof, {"log", "position", "from", "size"});
}

}  // namespace phoenix
