#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <tuple>

#include "base/bytes_text.h"
#include "base/json/json_writer.h"
#include "cli/audit/audit_reader.h"
#include "cli/audit/entry_view.h"
#include "cli/audit/since_command.h"
#include "cli/commands/commands.h"
#include "cli/table.h"
#include "client/http_client.h"
#include "lineage/audit/export_format.h"
#include "lineage/crypto/key_file.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/entry.h"
#include "lineage/tree/frontier.h"
#include "lineage/tree/proof.h"
#include "runtime/files.h"

namespace phoenix::cli {
namespace {

using lineage::Entry;

constexpr const char* kJsonLines = "json-lines";
constexpr const char* kCloudEvents = "cloudevents";

tl::unexpected<Failure> failed(const std::string& what, const std::string& why) {
  return tl::unexpected(Failure{kExitFailed, what, why, "", ""});
}

// --- list ---

struct ListOptions {
  std::optional<int64_t> log;
  std::string packet;
  std::optional<int64_t> limit;
};

void print_entries(Context& context, const std::deque<ShownEntry>& entries) {
  if (!context.out.for_people()) {
    Json list = Json::object();
    Json items = Json::array();
    for (const ShownEntry& shown : entries) items.push(entry_json(shown));
    list.set("items", std::move(items));
    const bool yaml = context.out.format() == Format::kYaml;
    return context.out.print(yaml ? list.dump_yaml() : list.dump_pretty());
  }
  Table table({{"LOG", true, true},
               {"POSITION", false, true},
               {"TIME"},
               {"SUBJECT"},
               {"EVENT"},
               {"REASON"},
               {"EPOCH", false, true},
               {"LEG", false, true},
               {"CAUSE"},
               {"FROM"},
               {"TO"},
               {"BY"},
               {"MESSAGE"},
               {"HASH", true}});
  for (const ShownEntry& shown : entries) {
    const Entry& entry = shown.entry;
    const auto& leg = entry.leg;
    table.add(
        {std::to_string(shown.log), std::to_string(shown.position), json::time_text(entry.at),
         harmless(entry.ns.empty() ? entry.subject : entry.ns + "/" + entry.subject), entry.event,
         entry.reason, std::to_string(entry.epoch), leg ? std::to_string(leg->number) : "",
         leg ? std::string(lineage::cause_name(leg->cause)) : "", leg ? party_text(leg->from) : "",
         leg ? party_text(leg->to) : "", harmless(entry.actor.name), harmless(message_of(entry)),
         lineage::hex(shown.leaf).substr(0, 16)});
  }
  context.out.print(table.render(context.out.wide(), context.out.color()));
}

Outcome<int> list(Context& context, const ListOptions& options) {
  const std::string what = "cannot list the flight recorder";
  auto logs = read_logs(context, what);
  if (!logs) return tl::unexpected(logs.error());
  const auto limit = static_cast<size_t>(options.limit.value_or(100));
  const std::string ns = context.api.name_space().empty() ? "default" : context.api.name_space();
  std::deque<ShownEntry> found;
  for (const AuditLog& log : *logs) {
    if (log.first_kept == 0 || (options.log && *options.log != log.log)) continue;
    // Of one packet all is wanted, wherever it stands; else only the newest.
    const uint64_t after =
        options.packet.empty() && log.size > limit ? log.size - limit : log.first_kept - 1;
    auto done = read_entries(context, what, log.log, after, [&](AuditEntry raw) {
      auto entry = lineage::decode<Entry>(raw.bytes);
      if (!entry) return true;  // of a later version
      const bool wanted =
          options.packet.empty() || (entry->kind == lineage::EntryKind::kPacket &&
                                     entry->subject == options.packet && entry->ns == ns);
      if (wanted) {
        found.push_back({log.log, raw.position, std::move(*entry), lineage::leaf_hash(raw.bytes)});
      }
      return true;
    });
    if (!done) return tl::unexpected(done.error());
  }
  // Of several logs: a packet's entries by revision, others by their hosts' clocks.
  std::sort(found.begin(), found.end(), [&](const ShownEntry& a, const ShownEntry& b) {
    if (!options.packet.empty()) return a.entry.revision < b.entry.revision;
    return std::tie(a.entry.at, a.log, a.position) < std::tie(b.entry.at, b.log, b.position);
  });
  while (found.size() > limit) found.pop_front();
  print_entries(context, found);
  return kExitDone;
}

// --- checkpoint, export ---

Outcome<int> write_out(Context& context, const std::string& what, const std::string& path,
                       const std::string& text) {
  if (path.empty() || path == "-") {
    context.out.print(text);
    return kExitDone;
  }
  if (auto done = replace_file(path, text); !done) {
    return failed(what, done.error().detail);
  }
  return kExitDone;
}

std::string checkpoint_file(const std::string& envelope) { return base64_text(envelope) + "\n"; }

Outcome<int> checkpoint(Context& context, const std::string& path) {
  const std::string what = "cannot get a checkpoint";
  auto made = read_checkpoint(context, what);
  if (!made) return tl::unexpected(made.error());
  auto done = write_out(context, what, path, checkpoint_file(made->envelope));
  if (!done) return done;
  uint64_t entries = 0;
  for (const auto& log : made->statement.logs) entries += log.size;
  context.out.remark(fmt::format("{} logs, {} entries, signed by {}", made->statement.logs.size(),
                                 entries, made->statement.host));
  return kExitDone;
}

struct ExportOptions {
  std::string out;
  std::string checkpoint_out;
  std::string view;  // empty: what `audit verify` reads
};

// The entries of one log up to the checkpoint's size.
Outcome<bool> export_log(Context& context, const std::string& what, const AuditLog& log,
                         const AuditPrefix& gone, uint64_t size, lineage::ExportBlock& block) {
  uint64_t found = gone.size;
  if (found >= size) return true;  // nothing of it is kept
  block.begin_log();
  auto done = read_entries(context, what, log.log, gone.before + found, [&](AuditEntry entry) {
    if (entry.position != gone.before + found + 1) return false;  // gone just now
    block.add(entry.bytes);
    return ++found < size;
  });
  if (!done || found == size) return done;
  return failed(what, fmt::format("log {} has {} of the {} entries that the checkpoint names",
                                  log.log, found, size));
}

// The rows and entries of a log that are not there any more.
AuditPrefix gone_of(const std::vector<AuditPrefix>& pruned, const AuditLog& log) {
  const auto it = std::find_if(pruned.begin(), pruned.end(),
                               [&log](const AuditPrefix& one) { return one.log == log.log; });
  if (it != pruned.end()) return *it;
  AuditPrefix none;
  none.log = log.log;
  none.before = log.first_kept == 0 ? 0 : log.first_kept - 1;
  return none;
}

// The line of the root's word for the key that has signed the checkpoint; empty where there is
// none.
Outcome<std::string> grant_line(Context& context, const std::string& what,
                                const AuditCheckpoint& made) {
  const auto envelope = lineage::decode_envelope(made.envelope);
  auto reply = context.api.get(what, Target({"audit", "keys"}));
  if (!reply) return tl::unexpected(reply.error());
  for (const Json& item : reply->json["items"].items()) {
    const bool signer = envelope && item["keyId"].text() == envelope->key_id;
    const auto grant = base64_bytes(item["grant"].text());
    if (signer && grant && !grant->empty()) {
      return lineage::export_line(lineage::LineKind::kGrant, *grant);
    }
  }
  return std::string();
}

// The lines that stand for what is gone, in the one order that they may have.
std::string opening_of(const std::vector<AuditPrefix>& pruned) {
  std::vector<std::string> prefixes;
  std::vector<std::string> kept;
  for (const AuditPrefix& one : pruned) {
    prefixes.push_back(one.prefix);
    kept.insert(kept.end(), one.kept.begin(), one.kept.end());
  }
  std::sort(prefixes.begin(), prefixes.end());
  std::sort(kept.begin(), kept.end());
  std::string text;
  for (const std::string& one : prefixes) {
    text += lineage::export_line(lineage::LineKind::kPrefix, one);
  }
  for (const std::string& one : kept) text += lineage::export_line(lineage::LineKind::kKept, one);
  return text;
}

// What is kept of all logs, one entry a line, up to a checkpoint of now.
Outcome<int> export_view(Context& context, const ExportOptions& options) {
  const std::string what = "cannot export the flight recorder";
  if (!options.checkpoint_out.empty()) {
    return tl::unexpected(wrong_use(what, "--checkpoint-out goes with what can be verified",
                                    "leave --view out, or the other one"));
  }
  const auto made = read_checkpoint(context, what);
  if (!made) return tl::unexpected(made.error());
  const auto logs = read_logs(context, what);
  if (!logs) return tl::unexpected(logs.error());
  const bool events = options.view == kCloudEvents;
  std::string text;
  uint64_t count = 0;
  for (const AuditLog& log : *logs) {
    if (log.first_kept == 0) continue;
    auto done = read_entries(context, what, log.log, log.first_kept - 1, [&](AuditEntry raw) {
      if (raw.position > log.size) return false;
      auto entry = lineage::decode<Entry>(raw.bytes);
      if (!entry) return true;  // of a later version
      const ShownEntry shown{log.log, raw.position, std::move(*entry),
                             lineage::leaf_hash(raw.bytes)};
      const Json line = events ? cloud_event(shown, made->statement.pool) : entry_json(shown);
      line.append_to(text);
      text += '\n';
      ++count;
      return true;
    });
    if (!done) return tl::unexpected(done.error());
  }
  auto done = write_out(context, what, options.out, text);
  if (done) context.out.remark(fmt::format("{} entries of {} logs", count, logs->size()));
  return done;
}

Outcome<int> export_all(Context& context, const ExportOptions& options) {
  if (!options.view.empty()) return export_view(context, options);
  const std::string what = "cannot export the flight recorder";
  auto made = read_checkpoint(context, what);
  if (!made) return tl::unexpected(made.error());
  auto pruned = read_pruned(context, what);
  if (!pruned) return tl::unexpected(pruned.error());
  auto logs = read_logs(context, what);
  if (!logs) return tl::unexpected(logs.error());
  auto grant = grant_line(context, what, *made);
  if (!grant) return tl::unexpected(grant.error());
  lineage::ExportBlock block;
  uint64_t count = 0;
  for (const auto& root : made->statement.logs) {
    const auto log = std::find_if(logs->begin(), logs->end(),
                                  [&](const AuditLog& other) { return other.log == root.log; });
    if (log == logs->end()) return failed(what, fmt::format("log {} is gone", root.log));
    const AuditPrefix gone = gone_of(*pruned, *log);
    auto one = export_log(context, what, *log, gone, root.size, block);
    if (!one) return tl::unexpected(one.error());
    count += root.size - std::min(root.size, gone.size);
  }
  auto done = write_out(context, what, options.out,
                        std::string(lineage::kExportHeader) + "\n" + opening_of(*pruned) + *grant +
                            block.text(made->envelope));
  if (!done) return done;
  if (!options.checkpoint_out.empty()) {
    done = write_out(context, what, options.checkpoint_out, checkpoint_file(made->envelope));
    if (!done) return done;
  }
  context.out.remark(fmt::format("{} entries of {} logs", count, made->statement.logs.size()));
  return kExitDone;
}

// --- prove ---

Outcome<int> prove(Context& context, int64_t log, int64_t position) {
  const std::string what = fmt::format("cannot prove entry {} of log {}", position, log);
  auto made = read_checkpoint(context, what);
  if (!made) return tl::unexpected(made.error());
  const auto& roots = made->statement.logs;
  const auto root = std::find_if(roots.begin(), roots.end(), [&](const lineage::LogRoot& it) {
    return it.log == static_cast<uint32_t>(log);
  });
  auto pruned = read_pruned(context, what);
  if (!pruned) return tl::unexpected(pruned.error());
  auto logs = read_logs(context, what);
  if (!logs) return tl::unexpected(logs.error());
  std::optional<AuditEntry> entry;
  const auto number = static_cast<uint64_t>(position);
  auto read =
      read_entries(context, what, static_cast<uint32_t>(log), number - 1, [&](AuditEntry found) {
        if (found.position == number) entry = std::move(found);
        return false;
      });
  if (!read) return tl::unexpected(read.error());
  const auto found = std::find_if(logs->begin(), logs->end(), [&](const AuditLog& it) {
    return it.log == static_cast<uint32_t>(log);
  });
  if (!entry || root == roots.end() || found == logs->end()) {
    return tl::unexpected(Failure{kExitNotFound, what,
                                  "there is no such entry, or it is not kept any more",
                                  "list them: phoenix audit list -o wide", ""});
  }
  const uint64_t index = number - 1 - gone_of(*pruned, *found).before;
  Target target({"audit", "proof"});
  target.with("log", log).with("position", static_cast<int64_t>(index));
  target.with("size", static_cast<int64_t>(root->size));
  const auto proof = read_proof(context, what, target);
  if (!proof) return tl::unexpected(proof.error());
  const Digest leaf = lineage::leaf_hash(entry->bytes);
  if (!lineage::verify_inclusion(leaf, index, root->size, *proof, root->root)) {
    return failed(what, "the host's proof does not lead to the root it signed");
  }
  Json hashes = Json::array();
  for (const Digest& hash : *proof) hashes.push(Json::string(lineage::hex(hash)));
  print_answer(context, Json::object().set("hashes", std::move(hashes)), lineage::hex(leaf),
               fmt::format("entry {} of log {} ({}) is among the {} entries that {} signed at {}: "
                           "{} hashes lead to the root {}\n",
                           position, log, lineage::hex(leaf).substr(0, 16), root->size,
                           made->statement.host, json::time_text(made->statement.at), proof->size(),
                           lineage::hex(root->root).substr(0, 16)));
  return kExitDone;
}

// --- keys ---

std::vector<std::string> keys_in(const Json& answer) {
  std::vector<std::string> texts;
  for (const Json& item : answer["items"].items()) texts.push_back(item["publicKey"].text());
  return texts;
}

// By the host with that address; none if it does not answer.
std::vector<std::string> keys_told(ClientOptions options) {
  auto client = Client::create(std::move(options));
  if (!client) return {};
  const CallResult answer = client->get(Target({"audit", "keys"}).text());
  if (!answer || !answer->ok()) return {};
  const auto json = Json::parse(answer->body);
  return json ? keys_in(*json) : std::vector<std::string>();
}

// Those of the other hosts of the pool: each tells its own. What a host signed that does not answer
// is for the caller to get elsewhere, so it is named on stderr.
void add_keys_of_others(Context& context, std::vector<std::string>& texts) {
  Target target({"hosts"});
  target.with("limit", 1000);
  const auto hosts = context.api.get("cannot list hosts", target);
  if (!hosts) return;
  for (const Json& host : hosts->json["items"].items()) {
    const std::string& api = host["api"].text();
    if (api.empty() || context.api.url_of(api) == context.api.url() ||
        host["status"].text() != "ALIVE")
      continue;
    auto options = context.api.host_options();
    if (!options) return;
    options->urls = {context.api.url_of(api)};
    const auto told = keys_told(std::move(*options));
    if (told.empty()) {
      std::fputs(fmt::format("host {} does not tell its key: get DATA/host.pub from it\n",
                             harmless(host["name"].text()))
                     .c_str(),
                 stderr);
      continue;
    }
    for (const std::string& text : told) {
      if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
    }
  }
}

Outcome<int> keys(Context& context, const std::string& folder) {
  const std::string what = "cannot get the hosts' keys";
  auto reply = context.api.get(what, Target({"audit", "keys"}));
  if (!reply) return tl::unexpected(reply.error());
  std::vector<std::string> texts = keys_in(reply->json);
  add_keys_of_others(context, texts);
  std::string all;
  for (const std::string& text : texts) {
    all += text;
    const auto named = lineage::parse_public(text);
    if (folder.empty() || !named) continue;
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    const bool root = named->role == lineage::KeyRole::kRoot;
    auto done =
        write_out(context, what, folder + "/" + (root ? "root" : named->name) + ".pub", text);
    if (!done) return done;
  }
  if (folder.empty()) print_answer(context, *reply, "", all);
  return kExitDone;
}

void add_list(std::vector<Command>& table, const char* path) {
  const auto options = std::make_shared<ListOptions>();
  Command list_entries;
  list_entries.path = path;
  list_entries.summary = "what was decided, by whom: entries of the flight recorder";
  list_entries.example = "phoenix audit list --packet invoice-17";
  list_entries.flags.push_back(
      text_flag("--packet", "ID", &options->packet, "all that the logs have of this packet"));
  list_entries.flags.push_back(
      optional_number_flag("--log", "N", &options->log, 0, UINT32_MAX, "of one log only"));
  list_entries.flags.push_back(
      optional_number_flag("--limit", "N", &options->limit, 1, 10'000, "the newest N (100)"));
  list_entries.run = [options](Context& context) {
    return finish(context, list(context, *options));
  };
  table.push_back(std::move(list_entries));
}

void add_export(std::vector<Command>& table) {
  const auto options = std::make_shared<ExportOptions>();
  Command export_logs;
  export_logs.path = "audit export";
  export_logs.summary = "all logs as one file that `audit verify` reads without a server";
  export_logs.example = "phoenix audit export --out logs.pfa --checkpoint-out now.checkpoint";
  export_logs.flags.push_back(
      text_flag("--out", "FILE", &options->out, "where to (standard output)"));
  export_logs.flags.push_back(text_flag("--checkpoint-out", "FILE", &options->checkpoint_out,
                                        "the checkpoint that covers it, by itself"));
  export_logs.flags.push_back(choice_flag("--view", {kJsonLines, kCloudEvents}, &options->view,
                                          "for other programs; proves nothing by itself"));
  export_logs.run = [options](Context& context) {
    return finish(context, export_all(context, *options));
  };
  table.push_back(std::move(export_logs));
}

void add_file_verb(std::vector<Command>& table, const char* path, const char* summary,
                   const char* flag, const char* help, const char* example,
                   Outcome<int> (*act)(Context&, const std::string&)) {
  const auto where = std::make_shared<std::string>();
  Command command;
  command.path = path;
  command.summary = summary;
  command.example = example;
  command.flags.push_back(text_flag("--out", flag, where.get(), help));
  command.run = [where, act](Context& context) { return finish(context, act(context, *where)); };
  table.push_back(std::move(command));
}

void add_prove(std::vector<Command>& table) {
  struct Where {
    int64_t log = 0;
    std::optional<int64_t> position;
    std::string since;
  };
  const auto where = std::make_shared<Where>();
  Command command;
  command.path = "audit prove";
  command.summary = "that an entry, or all that there was then, is among what the host has signed";
  command.usage = "--position N [--log N] | --since CHECKPOINT";
  command.detail =
      "With --since: that each log begins with what that checkpoint names, by a handful of hashes\n"
      "and without reading it. What a host has signed is compared, not whether it is who it says:\n"
      "for that take an export, and `audit verify` with the keys.";
  command.example = "phoenix audit prove --log 0 --position 17";
  command.flags.push_back(number_flag("--log", "N", &where->log, 0, UINT32_MAX, "the log (0)"));
  command.flags.push_back(optional_number_flag("--position", "N", &where->position, 1, INT64_MAX,
                                               "of the entry, as `audit list` shows it"));
  command.flags.push_back(
      text_flag("--since", "CHECKPOINT", &where->since, "a checkpoint that was kept"));
  command.run = [where](Context& context) {
    if (where->position.has_value() == !where->since.empty()) {
      return finish(context, Outcome<int>(tl::unexpected(wrong_use(
                                 "cannot prove that", "give one of --position and --since",
                                 "see: phoenix audit prove --help"))));
    }
    if (!where->since.empty()) return finish(context, prove_since(context, where->since));
    return finish(context, prove(context, where->log, *where->position));
  };
  table.push_back(std::move(command));
}

}  // namespace

void add_audit_commands(std::vector<Command>& table) {
  add_list(table, "audit");
  add_list(table, "audit list");
  add_export(table);
  add_prove(table);
  add_file_verb(table, "audit checkpoint", "a signed statement of how far all logs have come",
                "FILE", "where to (standard output); keep it apart from the host",
                "phoenix audit checkpoint --out now.checkpoint", checkpoint);
  add_file_verb(table, "audit keys", "the public keys of all hosts that answer", "DIR",
                "one file a key into this folder (standard output)",
                "phoenix audit keys --out keys", keys);
}

}  // namespace phoenix::cli
