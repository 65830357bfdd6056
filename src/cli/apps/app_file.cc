#include "cli/apps/app_file.h"

#include <fmt/format.h>

#include <set>

namespace phoenix::cli {
namespace {

using manifest::Finding;
using manifest::Loaded;

Json finding_document(const Finding& finding) {
  Json out = Json::object();
  const std::string file = finding.place.file == nullptr ? "" : *finding.place.file;
  out.set("file", Json::string(file)).set("line", Json::number(finding.place.line));
  out.set("column", Json::number(finding.place.column)).set("path", Json::string(finding.path));
  out.set("value", Json::string(finding.value)).set("detail", Json::string(finding.detail));
  return out;
}

std::string counted(size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string list_errors(const Loaded& loaded, std::string* summary) {
  std::string lines;
  size_t errors = 0;
  std::set<std::string> files;
  for (const Finding& finding : loaded.findings) {
    if (!finding.is_error()) continue;
    ++errors;
    if (finding.place.file != nullptr) files.insert(*finding.place.file);
    lines += (lines.empty() ? "" : "\n") + finding.text();
  }
  *summary = counted(errors, "error") + " in " + counted(files.size(), "file");
  return lines;
}

}  // namespace

void add_app_flags(std::vector<Flag>& flags, AppFlags* into) {
  Flag file = text_flag("--file", "FILE", &into->file,
                        "a PhoenixFile, its folder, or a file of documents (PhoenixFile)");
  file.letter = 'f';
  flags.push_back(std::move(file));
  flags.push_back(switch_flag("--strict", &into->strict, "warnings are errors"));
}

Json findings_document(const Loaded& loaded) {
  const manifest::App& app = loaded.app;
  Json errors = Json::array();
  Json warnings = Json::array();
  for (const Finding& finding : loaded.findings) {
    (finding.is_error() ? errors : warnings).push(finding_document(finding));
  }
  Json about = Json::object();
  about.set("name", Json::string(app.name)).set("namespace", Json::string(app.ns));
  about.set("version", Json::string(app.release));
  about.set("apiVersion", Json::string(manifest::api_version_text(app.version)));
  const auto count = [&](const char* key, size_t size) {
    about.set(key, Json::number(static_cast<int64_t>(size)));
  };
  count("agents", app.agents.size());
  count("packets", app.packets.size());
  count("policies", app.policies.size());
  count("handoffContracts", app.contracts.size());
  Json out = Json::object();
  out.set("valid", Json::boolean(loaded.valid())).set("app", std::move(about));
  out.set("errors", std::move(errors)).set("warnings", std::move(warnings));
  return out;
}

Outcome<manifest::App> load_for(Context& context, const AppFlags& flags, const std::string& what) {
  Loaded loaded = manifest::load_app({flags.file, flags.strict, flags.tests, wall_now_ms()});
  for (const Finding& finding : loaded.findings) {
    if (!finding.is_error()) context.out.remark("warning: " + finding.text());
  }
  if (loaded.valid()) return std::move(loaded.app);
  std::string summary;
  const std::string lines = list_errors(loaded, &summary);
  Failure failure{kExitFailed, what + ": " + summary, lines, "", ""};
  failure.document = findings_document(loaded).dump();
  return tl::unexpected(std::move(failure));
}

}  // namespace phoenix::cli
