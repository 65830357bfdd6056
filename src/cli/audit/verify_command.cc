#include "cli/audit/verify_command.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/bytes_text.h"
#include "cli/context.h"
#include "cli/keys/key_files.h"
#include "cli/table.h"
#include "lineage/audit/verifier.h"

namespace phoenix::cli {
namespace {

struct VerifyOptions {
  std::string keys;
  std::vector<std::string> checkpoints;  // files
};

constexpr size_t kMaxCheckpointFile = 512 * 1024;
constexpr size_t kBlock = 1 << 16;
constexpr const char* kWhat = "cannot verify the export";

Outcome<std::vector<std::string>> read_checkpoints(const std::vector<std::string>& paths) {
  std::vector<std::string> envelopes;
  for (const std::string& path : paths) {
    auto text = read_input(path, kMaxCheckpointFile, kWhat);
    if (!text) return tl::unexpected(text.error());
    if (text->ends_with('\n')) text->pop_back();
    auto envelope = base64_bytes(*text);
    if (!envelope) {
      return tl::unexpected(wrong_use(kWhat, path + ": a checkpoint is one line of base64",
                                      "get one: phoenix audit checkpoint"));
    }
    envelopes.push_back(*std::move(envelope));
  }
  return envelopes;
}

struct Closer {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

// Line by line: an export may be larger than the memory. A line that is too long is cut, and so is
// none of an export.
Outcome<lineage::AuditReport> read_export(const std::string& path,
                                          lineage::AuditVerifier& verifier) {
  const std::string name = path == "-" ? "stdin" : path;
  const std::unique_ptr<std::FILE, Closer> file(path == "-" ? stdin
                                                            : std::fopen(path.c_str(), "rb"));
  if (!file) return tl::unexpected(wrong_use(kWhat, name + ": " + std::strerror(errno)));
  std::string block(kBlock, '\0');
  std::string line;
  bool open = true;
  while (const size_t size = open ? std::fread(block.data(), 1, kBlock, file.get()) : 0) {
    std::string_view rest(block.data(), size);
    for (size_t end = rest.find('\n'); open && end != std::string_view::npos;
         end = rest.find('\n')) {
      line.append(rest.substr(0, end));
      open = verifier.line(line);
      line.clear();
      rest.remove_prefix(end + 1);
    }
    line.append(rest);
    if (open && line.size() > lineage::kMaxLineBytes) open = verifier.line(line);
  }
  if (std::ferror(file.get()) != 0) {
    return tl::unexpected(wrong_use(kWhat, name + ": " + std::strerror(errno)));
  }
  const bool complete = line.empty();
  if (open && !complete) verifier.line(line);
  return verifier.finish(complete);
}

Json report_document(const lineage::AuditReport& report) {
  const auto number = [](uint64_t value) { return Json::number(static_cast<int64_t>(value)); };
  Json document = Json::object();
  document.set("verified", Json::boolean(!report.fault))
      .set("pool", Json::string(report.pool))
      .set("logs", number(report.logs))
      .set("checkpoints", number(report.checkpoints))
      .set("entries", number(report.entries))
      .set("entriesAfter", number(report.after))
      .set("legs", number(report.legs))
      .set("packets", number(report.packets.packets))
      .set("packetsEnded", number(report.packets.ended))
      .set("packetsPartial", number(report.packets.partial))
      .set("handoffsSigned", number(report.signatures.handoffs))
      .set("handoffsUnsigned", number(report.signatures.unsigned_handoffs))
      .set("resultsSigned", number(report.signatures.results))
      .set("resultsUnsigned", number(report.signatures.unsigned_results))
      .set("legsAttested", number(report.signatures.attested))
      .set("drainCertificates", number(report.certificates))
      .set("drainCertificatesUnproved", number(report.certificates_unproved));
  if (!report.fault) return document;
  Json fault = Json::object();
  fault.set("code", Json::string(report.fault->code))
      .set("detail", Json::string(report.fault->detail))
      .set("line", number(report.line));
  if (report.fault->place) {
    fault.set("log", number(report.fault->place->log))
        .set("entry", number(report.fault->place->position + 1));
  }
  document.set("fault", std::move(fault));
  return document;
}

std::string sheet(const lineage::AuditReport& report, bool color) {
  const lineage::SignatureCounts& signatures = report.signatures;
  std::string after = std::to_string(report.after);
  if (report.after > 0) after += " (only the export's own checkpoints speak for them)";
  return render_sheet(
      {{"Verified", fmt::format("pool {}, {} entries of {} logs", harmless(report.pool),
                                report.entries, report.logs)},
       {"After the checkpoint", after},
       {"Packets", fmt::format("{}, {} ended, {} with legs in pruned logs", report.packets.packets,
                               report.packets.ended, report.packets.partial)},
       {"Legs", fmt::format("{}, {} attested by a host", report.legs, signatures.attested)},
       {"Handoffs", fmt::format("{} signed by both sides, {} unsigned", signatures.handoffs,
                                signatures.unsigned_handoffs)},
       {"Results", fmt::format("{} signed by the owner, {} unsigned", signatures.results,
                               signatures.unsigned_results)},
       {"Drain certificates", fmt::format("{}, {} by hosts whose keys were not given",
                                          report.certificates, report.certificates_unproved)}},
      color);
}

Failure unverified(const lineage::AuditReport& report) {
  Failure told;
  told.exit_code = kExitUnverified;
  told.what = "the export does not verify: " + report.fault->code;
  told.why = harmless(report.fault->detail);
  if (report.fault->place) {
    told.next =
        fmt::format("at entry {} of log {}, line {} of the export",
                    report.fault->place->position + 1, report.fault->place->log, report.line);
  } else {
    told.next = fmt::format("at line {} of the export", report.line);
  }
  told.document = report_document(report).dump();
  return told;
}

Outcome<int> verify(Context& context, const VerifyOptions& options, const std::string& path) {
  const auto keys = trusted_keys(options.keys, kWhat);
  if (!keys) return tl::unexpected(keys.error());
  const auto checkpoints = read_checkpoints(options.checkpoints);
  if (!checkpoints) return tl::unexpected(checkpoints.error());
  auto verifier = lineage::AuditVerifier::create(*keys, *checkpoints);
  if (!verifier) return tl::unexpected(wrong_use(kWhat, verifier.error().detail));
  const auto report = read_export(path, *verifier);
  if (!report) return tl::unexpected(report.error());
  if (report->fault) return tl::unexpected(unverified(*report));
  print_answer(context, report_document(*report), "verified", sheet(*report, context.out.color()));
  return kExitDone;
}

}  // namespace

void add_audit_verify(std::vector<Command>& table) {
  const auto options = std::make_shared<VerifyOptions>();
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "audit verify";
  command.summary = "whether an export of the flight recorder is whole and true; needs no host";
  command.usage = "EXPORT --keys DIR --checkpoint FILE";
  command.detail =
      "Trusts nothing but the public keys in DIR (*.pub: the root's or, where the pool has none,\n"
      "those of hosts) and a checkpoint that was kept apart from the hosts. Finds every\n"
      "alteration up to it, and says at which entry. Exit 6 if there is one.";
  command.example = "phoenix audit verify pool.audit --keys keys --checkpoint last.checkpoint";
  command.flags.push_back(trusted_keys_flag(&options->keys));
  Flag checkpoint = texts_flag("--checkpoint", "FILE", &options->checkpoints,
                               "a checkpoint that was kept; may be repeated");
  checkpoint.required = true;
  command.flags.push_back(std::move(checkpoint));
  command.words_name = "EXPORT";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [options, words](Context& context) {
    return finish(context, verify(context, *options, words->front()));
  };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
