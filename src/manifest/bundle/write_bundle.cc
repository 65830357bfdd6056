#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "lineage/crypto/sha256.h"
#include "manifest/bundle/bundle.h"
#include "manifest/bundle/zip_names.h"
#include "manifest/yaml/scalar.h"

namespace phoenix::manifest {
namespace {

// A time of ours would make other bytes of the same app each day.
constexpr std::string_view kNoTime = "1970-01-01T00:00:00Z";

std::string json_list(const std::vector<std::string>& texts, std::string_view indent) {
  if (texts.empty()) return "[]";
  std::vector<std::string> lines;
  for (const std::string& text : texts) lines.push_back(fmt::format("{}  {}", indent, quote(text)));
  return fmt::format("[\n{}\n{}]", fmt::join(lines, ",\n"), indent);
}

std::string paths_of(const std::vector<ArchiveFile>& files) {
  std::vector<std::string> paths;
  for (const ArchiveFile& file : files) paths.push_back(file.path);
  return json_list(paths, "    ");
}

std::string manifest_json(const BundleParts& parts, const std::string& id) {
  return fmt::format(
      R"({{
  "apiVersion": "phoenixflight.io/v1alpha1",
  "kind": "PhoenixBundle",
  "metadata": {{
    "name": {},
    "namespace": {},
    "version": {},
    "bundleId": {},
    "createdAt": {}
  }},
  "source": {{
    "descriptor": "PhoenixFile",
    "descriptorKind": "PhoenixApp"
  }},
  "contents": {{
    "agents": {},
    "packets": {},
    "policies": {},
    "handoffContracts": {}
  }},
  "runtime": {{
    "language": {},
    "entrypoint": {}
  }},
  "controlPlane": {{
    "assignmentStrategy": {},
    "auditSink": {},
    "minimumTrustScore": {}
  }},
  "build": {{
    "target": {},
    "outputs": {},
    "builderVersion": "1"
  }}
}}
)",
      quote(parts.info.name), quote(parts.info.name_space), quote(parts.info.version), quote(id),
      quote(kNoTime), paths_of(parts.agents), paths_of(parts.packets), paths_of(parts.policies),
      paths_of(parts.contracts), quote(parts.language), quote(parts.entrypoint),
      quote(parts.strategy), quote(parts.audit_sink), parts.minimum_trust, quote(parts.target),
      json_list(parts.outputs, "    "));
}

std::string report_json(const BundleParts& parts) {
  return fmt::format(R"({{
  "valid": true,
  "validatedAt": {},
  "phoenixFile": "PhoenixFile",
  "checks": [
    {{"name": "required_fields", "status": "passed"}},
    {{"name": "referenced_files", "status": "passed"}}
  ],
  "errors": [],
  "warnings": {}
}}
)",
                     quote(kNoTime), json_list(parts.warnings, "  "));
}

std::string hash_of(std::string_view bytes) {
  return "sha256:" + lineage::hex(lineage::sha256(bytes));
}

std::string hashes_json(const std::vector<ArchiveFile>& files) {
  std::vector<std::string> lines;
  for (const ArchiveFile& file : files) {
    lines.push_back(fmt::format("    {}: {}", quote(file.path), quote(hash_of(file.bytes))));
  }
  return fmt::format("{{\n  \"algorithm\": \"SHA-256\",\n  \"files\": {{\n{}\n  }}\n}}\n",
                     fmt::join(lines, ",\n"));
}

// The id follows from what is in the bundle, so that it too is the same each time.
std::string id_of(const BundleParts& parts, const std::vector<ArchiveFile>& files) {
  std::string text = parts.info.name + "\n" + parts.info.version + "\n";
  for (const ArchiveFile& file : files) text += file.path + " " + hash_of(file.bytes) + "\n";
  return "pflight-" + lineage::hex(lineage::sha256(text)).substr(0, 16);
}

}  // namespace

Result<std::string> write_bundle(const BundleParts& parts) {
  std::vector<ArchiveFile> files = {{"PhoenixFile", parts.phoenix_file}};
  for (const auto* group :
       {&parts.agents, &parts.packets, &parts.policies, &parts.contracts, &parts.others}) {
    files.insert(files.end(), group->begin(), group->end());
  }
  std::sort(files.begin(), files.end(), [](const ArchiveFile& left, const ArchiveFile& right) {
    return left.path < right.path;
  });
  files.push_back({"manifest.json", manifest_json(parts, id_of(parts, files))});
  files.push_back({"validation-report.json", report_json(parts)});
  files.push_back({"hashes.json", hashes_json(files)});

  std::vector<std::string> paths;
  size_t total = 0;
  for (const ArchiveFile& file : files) {
    if (const auto bad = bad_name(file.path)) {
      return fail(ErrorKind::kInvalidRequest, fmt::format("the path {} {}", file.path, *bad));
    }
    paths.push_back(file.path);
    total += file.bytes.size();
    const ArchiveLimits limits;
    if (file.bytes.size() > limits.file_bytes || total > limits.total_bytes ||
        paths.size() > limits.files) {
      return fail(ErrorKind::kInvalidRequest,
                  fmt::format("{}: a bundle has at most {} files, {} bytes each and {} in all",
                              file.path, limits.files, limits.file_bytes, limits.total_bytes));
    }
  }
  if (const auto clash = clashing_names(paths)) return fail(ErrorKind::kInvalidRequest, *clash);
  return write_archive(files);
}

}  // namespace phoenix::manifest
