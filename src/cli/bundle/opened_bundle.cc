#include "cli/bundle/opened_bundle.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/context.h"
#include "cli/keys/key_files.h"
#include "manifest/bundle/signature.h"

namespace phoenix::cli {
namespace {

Failure unverified(const std::string& what, const std::string& path, const Error& error) {
  return {kExitUnverified, what, fmt::format("{}: {}", path, error.detail),
          "nothing of it was used", ""};
}

Outcome<std::vector<KeyFile>> trusted_keys(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return read_keys(path, false);
  auto key = read_key(path);
  if (!key) return tl::unexpected(key.error());
  return std::vector<KeyFile>{std::move(*key)};
}

Outcome<std::string> signer_of(const std::string& what, const std::string& path,
                               const std::string& archive, const std::string& keys) {
  const auto trusted = trusted_keys(keys);
  if (!trusted) return tl::unexpected(trusted.error());
  const auto signature = read_input(path + ".sig", manifest::kMostSignatureBytes, what);
  if (!signature) return tl::unexpected(signature.error());
  const auto find = [&trusted](std::string_view id) -> const lineage::PublicKey* {
    for (const KeyFile& file : *trusted) {
      if (file.key.key.id() == id) return &file.key.key;
    }
    return nullptr;
  };
  auto signer = manifest::verify_signature(*signature, archive, find);
  if (!signer) return tl::unexpected(unverified(what, path + ".sig", signer.error()));
  return std::move(*signer);
}

}  // namespace

Outcome<OpenedBundle> open_bundle_file(const std::string& what, const std::string& path,
                                       const std::string& keys) {
  auto archive = read_input(path, manifest::kMostArchiveBytes, what);
  if (!archive) return tl::unexpected(archive.error());
  auto bundle = manifest::open_bundle(*archive);
  if (!bundle) return tl::unexpected(unverified(what, path, bundle.error()));
  OpenedBundle opened{std::move(*archive), std::move(*bundle), ""};
  if (!keys.empty()) {
    auto signer = signer_of(what, path, opened.archive, keys);
    if (!signer) return tl::unexpected(signer.error());
    opened.signed_by = std::move(*signer);
  }
  return opened;
}

}  // namespace phoenix::cli
