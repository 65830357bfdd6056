#include "cli/bundle/bundle_commands.h"

#include <fmt/format.h>

#include <memory>

#include "cli/bundle/opened_bundle.h"
#include "cli/context.h"
#include "cli/table.h"
#include "lineage/crypto/sha256.h"
#include "manifest/bundle/bundle.h"
#include "manifest/bundle/unpack.h"

namespace phoenix::cli {
namespace {

struct BundleOptions {
  std::string keys;  // a file or a folder; empty: the signature is not asked for
  std::string to;
};

Json document_of(const OpenedBundle& opened) {
  const manifest::BundleInfo& info = opened.bundle.info;
  Json files = Json::array();
  for (const manifest::ArchiveFile& file : opened.bundle.files) {
    Json one = Json::object();
    one.set("path", Json::string(file.path))
        .set("bytes", Json::number(static_cast<int64_t>(file.bytes.size())));
    files.push(std::move(one));
  }
  Json document = Json::object();
  document.set("name", Json::string(info.name))
      .set("namespace", Json::string(info.name_space))
      .set("version", Json::string(info.version))
      .set("bundleId", Json::string(info.bundle_id))
      .set("createdAt", Json::string(info.created_at))
      .set("digest", Json::string("sha256:" + lineage::hex(opened.bundle.digest)))
      .set("valid", Json::boolean(opened.bundle.valid))
      .set("signedBy", opened.signed_by.empty() ? Json() : Json::string(opened.signed_by))
      .set("files", std::move(files));
  return document;
}

void print(Context& context, const OpenedBundle& opened, const std::string& text) {
  print_answer(context, document_of(opened), opened.bundle.info.bundle_id, text);
}

Outcome<int> inspect(Context& context, const std::string& path, const BundleOptions& options) {
  const auto opened = open_bundle_file("cannot inspect the bundle", path, options.keys);
  if (!opened) return tl::unexpected(opened.error());
  const manifest::BundleInfo& info = opened->bundle.info;
  std::string text = render_sheet(
      {{"Name", harmless(info.name)},
       {"Namespace", harmless(info.name_space)},
       {"Version", harmless(info.version)},
       {"Bundle", harmless(info.bundle_id)},
       {"Created", harmless(info.created_at)},
       {"Digest", "sha256:" + lineage::hex(opened->bundle.digest)},
       {"Validation", opened->bundle.valid ? "passed" : "failed"},
       {"Signed by", opened->signed_by.empty() ? "not asked for; --keys DIR" : opened->signed_by}},
      context.out.color());
  Table files({{"FILE"}, {"BYTES"}});
  for (const manifest::ArchiveFile& file : opened->bundle.files) {
    files.add({harmless(file.path), std::to_string(file.bytes.size())});
  }
  text += "\n" + files.render(context.out.wide(), context.out.color());
  print(context, *opened, text);
  return kExitDone;
}

Outcome<int> verify(Context& context, const std::string& path, const BundleOptions& options) {
  const auto opened = open_bundle_file("Verification failed", path, options.keys);
  if (!opened) return tl::unexpected(opened.error());
  std::string text = fmt::format(
      "Bundle integrity verification passed successfully.\n"
      "Verified {} files strictly against hashes.json.",
      opened->bundle.files.size() - 1);
  if (!opened->signed_by.empty()) text += "\nSigned by the key " + opened->signed_by + ".";
  print(context, *opened, text);
  return kExitDone;
}

Outcome<int> unpack(Context& context, const std::string& path, const BundleOptions& options) {
  constexpr const char* kWhat = "cannot unpack the bundle";
  const auto opened = open_bundle_file(kWhat, path, options.keys);
  if (!opened) return tl::unexpected(opened.error());
  const auto done = manifest::unpack_bundle(opened->bundle, options.to);
  if (!done) {
    return tl::unexpected(Failure{kExitFailed, kWhat, done.error().detail,
                                  "give a folder that is not there yet: --to DIR", ""});
  }
  std::string text =
      fmt::format("Unpacked {} files to {}", opened->bundle.files.size(), options.to);
  for (const manifest::ArchiveFile& file : opened->bundle.files)
    text += "\n  " + harmless(file.path);
  print(context, *opened, text);
  return kExitDone;
}

using Act = Outcome<int> (*)(Context&, const std::string&, const BundleOptions&);

Command made(std::string path, std::string summary, std::string usage, std::string example,
             const std::shared_ptr<BundleOptions>& options, Act act) {
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = std::move(path);
  command.summary = std::move(summary);
  command.usage = std::move(usage);
  command.example = std::move(example);
  command.flags.push_back(
      text_flag("--keys", "PATH", &options->keys,
                "public keys, a file or a folder, one of which must have signed it "
                "(BUNDLE.sig)"));
  command.words_name = "BUNDLE";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [options, words, act](Context& context) {
    return finish(context, act(context, words->front(), *options));
  };
  return command;
}

}  // namespace

void add_bundle_commands(std::vector<Command>& table) {
  const auto inspected = std::make_shared<BundleOptions>();
  table.push_back(made("bundle inspect", "what a bundle holds", "BUNDLE [--keys PATH]",
                       "phoenix bundle inspect dist/shop-0.1.0.pflight", inspected, inspect));
  const auto verified = std::make_shared<BundleOptions>();
  Command verifying = made(
      "bundle verify", "check every file of a bundle, and its signature", "BUNDLE [--keys PATH]",
      "phoenix bundle verify dist/shop-0.1.0.pflight --keys trusted/", verified, verify);
  verifying.detail =
      "Exits 6 and says why if the archive is none that a bundle may be, if a file is missing,\n"
      "unlisted or changed, or if no key of --keys signed it.";
  table.push_back(std::move(verifying));
  const auto unpacked = std::make_shared<BundleOptions>();
  Command unpacking =
      made("bundle unpack", "verify a bundle and put its files into a folder",
           "BUNDLE --to DIR [--keys PATH]",
           "phoenix bundle unpack dist/shop-0.1.0.pflight --to shop", unpacked, unpack);
  unpacking.detail = "All files or none: the folder is not there before, or is empty.";
  Flag to = text_flag("--to", "DIR", &unpacked->to, "the folder; made if it is not there");
  to.required = true;
  unpacking.flags.push_back(std::move(to));
  table.push_back(std::move(unpacking));
}

}  // namespace phoenix::cli
