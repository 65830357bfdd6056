#include "cli/bundle/built_bundle.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/keys/key_files.h"
#include "cli/output_file.h"
#include "manifest/bundle/pack.h"
#include "manifest/bundle/signature.h"

namespace phoenix::cli {
namespace {

Failure unbuilt(const std::string& what, const std::string& why, const std::string& next = "") {
  return {kExitFailed, what, why, next, ""};
}

// What is written is what every reader would take: it is opened before anybody else does.
Outcome<BuiltBundle> pack(const manifest::App& app, const BuildOptions& options,
                          const std::string& what) {
  if (app.release.empty()) {
    return tl::unexpected(unbuilt(what, app.place.text() + ": metadata.version is missing",
                                  "a bundle is known by name and version; write version: 0.1.0"));
  }
  const auto parts = manifest::pack_app(app);
  if (!parts) return tl::unexpected(unbuilt(what, parts.error().detail));
  auto archive = manifest::write_bundle(*parts);
  if (!archive) return tl::unexpected(unbuilt(what, archive.error().detail));
  auto bundle = manifest::open_bundle(*archive);
  if (!bundle) return tl::unexpected(unbuilt(what, bundle.error().detail));
  BuiltBundle built;
  built.path = options.to.empty()
                   ? fmt::format("{}/{}-{}.pflight", options.folder, app.name, app.release)
                   : options.to;
  built.archive = std::move(*archive);
  built.bundle = std::move(*bundle);
  return built;
}

// A signature that stays beside another bundle would be taken for one that fails.
Outcome<int> write(Context& context, BuiltBundle& built, const std::string& key,
                   const std::string& what) {
  const std::string beside = built.path + ".sig";
  std::string signature;
  if (!key.empty()) {
    const auto signer = read_secret_key(key);
    if (!signer) return tl::unexpected(signer.error());
    signature = manifest::sign_bundle(signer->pair, built.archive);
    built.signed_by = signer->pair.public_key().id();
  }
  std::error_code ignored;
  const bool stale = key.empty() && std::filesystem::exists(beside, ignored);
  if (stale) {
    const auto before = read_input(built.path, manifest::kMostArchiveBytes, what);
    if (!before || *before != built.archive) {
      std::filesystem::remove(beside, ignored);
      context.out.remark(beside + " was of another build and is removed");
    }
  }
  const auto written = write_output_file(what, built.path, built.archive);
  if (!written || signature.empty()) return written;
  return write_output_file(what, beside, signature);
}

}  // namespace

Outcome<BuiltBundle> build_bundle(Context& context, const BuildOptions& options,
                                  const std::string& what) {
  auto app = load_for(context, options.app, what);
  if (!app) return tl::unexpected(app.error());
  if (!app->declared) {
    return tl::unexpected(
        unbuilt(what, options.app.file + " declares no PhoenixApp", "make one: phoenix new APP"));
  }
  auto built = pack(*app, options, what);
  if (!built) return tl::unexpected(built.error());
  const auto written = write(context, *built, options.key, what);
  if (!written) return tl::unexpected(written.error());
  built->app = std::move(*app);
  return std::move(*built);
}

}  // namespace phoenix::cli
