#include "manifest/bundle/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lineage/crypto/sha256.h"
#include "manifest/bundle/json_tree.h"

namespace phoenix::manifest {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";

tl::unexpected<Error> refuse(std::string code, std::string what) {
  auto refused = fail(ErrorKind::kInvalidRequest, std::move(what));
  refused.value().reason_code = std::move(code);
  return refused;
}

Result<JsonTree> description(const Bundle& bundle, std::string_view path) {
  const ArchiveFile* file = bundle.find(path);
  if (file == nullptr) return refuse("not-a-bundle", fmt::format("{} is missing", path));
  auto tree = parse_json_tree(file->bytes);
  if (!tree || !tree->is_object()) {
    return refuse("not-a-bundle", fmt::format("{} is no JSON object", path));
  }
  return std::move(*tree);
}

// Names end up in paths and on terminals.
bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= 128 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_' || c == '+';
         });
}

std::optional<Error> read_manifest(Bundle& bundle) {
  const auto manifest = description(bundle, "manifest.json");
  if (!manifest) return manifest.error();
  const JsonTree& tree = *manifest;
  if (tree["kind"].text != "PhoenixBundle") {
    return refuse("not-a-bundle", "manifest.json is not of kind PhoenixBundle").value();
  }
  const JsonTree& about = tree["metadata"];
  bundle.info = {about["name"].text, about["namespace"].text, about["version"].text,
                 about["bundleId"].text, about["createdAt"].text};
  for (const auto& [what, text] : {std::pair{"name", bundle.info.name},
                                   {"namespace", bundle.info.name_space},
                                   {"version", bundle.info.version},
                                   {"bundleId", bundle.info.bundle_id}}) {
    if (is_plain(text)) continue;
    return refuse("not-a-bundle",
                  fmt::format(
                      "manifest.json: metadata.{} is no word of letters, digits and . - _ +", what))
        .value();
  }
  for (const auto& [list, items] : tree["contents"].members) {
    for (const JsonTree& item : items.items) {
      if (bundle.find(item.text) != nullptr) continue;
      return refuse("missing-file",
                    fmt::format("{}: manifest.json lists it, and it is not there", item.text))
          .value();
    }
  }
  return std::nullopt;
}

std::optional<Error> verify_hashes(const Bundle& bundle) {
  const auto hashes = description(bundle, "hashes.json");
  if (!hashes) return hashes.error();
  if ((*hashes)["algorithm"].text != "SHA-256") {
    return refuse("not-a-bundle", "hashes.json: the algorithm is not SHA-256").value();
  }
  std::map<std::string_view, std::string_view> listed;
  for (const auto& [path, hash] : (*hashes)["files"].members) listed[path] = hash.text;
  for (const ArchiveFile& file : bundle.files) {
    if (file.path == "hashes.json") continue;
    const auto found = listed.find(file.path);
    if (found == listed.end()) {
      return refuse("unlisted-file", fmt::format("{}: hashes.json does not list it", file.path))
          .value();
    }
    const std::string hash = std::string(kHashPrefix) + lineage::hex(lineage::sha256(file.bytes));
    if (found->second != hash) {
      return refuse("wrong-hash", fmt::format("{}: its hash is not the one of hashes.json: it was "
                                              "changed, or the list was",
                                              file.path))
          .value();
    }
    listed.erase(found);
  }
  if (listed.empty()) return std::nullopt;
  return refuse("missing-file",
                fmt::format("{}: hashes.json lists it, and it is not there", listed.begin()->first))
      .value();
}

}  // namespace

const ArchiveFile* Bundle::find(std::string_view path) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [path](const ArchiveFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

Result<Bundle> open_bundle(std::string_view archive) {
  auto files = read_archive(archive);
  if (!files) return tl::unexpected(files.error());
  Bundle bundle;
  bundle.files = std::move(*files);
  bundle.digest = lineage::sha256(archive);
  if (bundle.find("PhoenixFile") == nullptr) {
    return refuse("not-a-bundle", "PhoenixFile is missing");
  }
  if (auto wrong = verify_hashes(bundle)) return tl::unexpected(std::move(*wrong));
  if (auto wrong = read_manifest(bundle)) return tl::unexpected(std::move(*wrong));
  const auto report = description(bundle, "validation-report.json");
  if (!report) return tl::unexpected(report.error());
  bundle.valid = (*report)["valid"].text == "true";
  return bundle;
}

}  // namespace phoenix::manifest
