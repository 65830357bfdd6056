#include "cli/audit/certificate_command.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/bytes_text.h"
#include "base/json/json_writer.h"
#include "cli/audit/audit_reader.h"
#include "cli/context.h"
#include "cli/table.h"
#include "lineage/form/entry.h"

namespace phoenix::cli {
namespace {

struct Found {
  std::string envelope;
  lineage::DrainCertificate said;  // its signature is for `audit verify` to look at
};

struct Wanted {
  std::string ns;  // empty: a host
  std::string id;
};

std::optional<Found> certificate_in(const std::string& bytes, const Wanted& wanted) {
  const auto entry = lineage::decode<lineage::Entry>(bytes);
  if (!entry || entry->certificate.empty()) return std::nullopt;
  if (entry->ns != wanted.ns || entry->subject != wanted.id) return std::nullopt;
  const auto envelope = lineage::decode_envelope(entry->certificate);
  if (!envelope) return std::nullopt;
  auto said = lineage::decode<lineage::DrainCertificate>(envelope->payload);
  if (!said) return std::nullopt;
  return Found{entry->certificate, *std::move(said)};
}

Json document_of(const Found& found) {
  Json heads = Json::array();
  for (const lineage::LogHead& head : found.said.heads) {
    heads.push(Json::object()
                   .set("log", Json::number(head.log))
                   .set("size", Json::number(static_cast<int64_t>(head.size))));
  }
  Json document = Json::object();
  document.set("pool", Json::string(found.said.pool))
      .set("namespace", found.said.ns.empty() ? Json() : Json::string(found.said.ns))
      .set("id", Json::string(found.said.id))
      .set("incarnation", Json::number(static_cast<int64_t>(found.said.incarnation)))
      .set("at", Json::string(json::time_text(found.said.at)))
      .set("heads", std::move(heads))
      .set("envelope", Json::string(base64_text(found.envelope)));
  return document;
}

std::string sheet(const Found& found, bool color) {
  std::string heads;
  for (const lineage::LogHead& head : found.said.heads) {
    heads += fmt::format("{}log {}: {} entries", heads.empty() ? "" : "\n", head.log, head.size);
  }
  const std::string who = found.said.ns.empty()
                              ? "host " + found.said.id
                              : fmt::format("{}/{}, incarnation {}", found.said.ns, found.said.id,
                                            found.said.incarnation);
  return render_sheet({{"Owns nothing", who},
                       {"Since", json::time_text(found.said.at)},
                       {"As of", heads},
                       {"Signed", base64_text(found.envelope)}},
                      color);
}

// The newest, by the clock of who signed it.
Outcome<int> show(Context& context, bool of_host, const std::string& id) {
  const std::string what = "cannot show a certificate of " + harmless(id);
  const std::string own = context.api.name_space();
  const Wanted wanted{of_host ? std::string() : own.empty() ? "default" : own, id};
  auto logs = read_logs(context, what);
  if (!logs) return tl::unexpected(logs.error());
  std::optional<Found> newest;
  for (const AuditLog& log : *logs) {
    if (log.first_kept == 0) continue;
    auto done =
        read_entries(context, what, log.log, log.first_kept - 1, [&](const AuditEntry& entry) {
          auto found = certificate_in(entry.bytes, wanted);
          if (found && (!newest || newest->said.at <= found->said.at)) newest = std::move(found);
          return true;
        });
    if (!done) return tl::unexpected(done.error());
  }
  if (!newest) {
    return tl::unexpected(Failure{kExitNotFound, what, "the logs have none",
                                  "one is made when a drain ends: phoenix member drain", ""});
  }
  print_answer(context, document_of(*newest), base64_text(newest->envelope),
               sheet(*newest, context.out.color()));
  return kExitDone;
}

}  // namespace

void add_audit_certificate(std::vector<Command>& table) {
  const auto of_host = std::make_shared<bool>(false);
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "audit certificate";
  command.summary = "the signed statement that a member that was drained owns nothing";
  command.usage = "ID [--host]";
  command.example = "phoenix audit certificate ocr-1";
  command.flags.push_back(switch_flag("--host", of_host.get(), "ID is a host that has left"));
  command.words_name = "ID";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [of_host, words](Context& context) {
    return finish(context, show(context, *of_host, words->front()));
  };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
