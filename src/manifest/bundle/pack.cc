#include "manifest/bundle/pack.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "manifest/app/app_files.h"
#include "manifest/app/load.h"
#include "manifest/bundle/unpack.h"

namespace phoenix::manifest {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIgnoreFile = ".phoenixignore";
constexpr size_t kIgnoreBytes = 64 << 10;
constexpr size_t kMostPatterns = 1'000;
// What a folder may hold before somebody is asked whether it is the one that was meant.
constexpr size_t kMostEntries = 100'000;
constexpr std::array<std::string_view, 3> kDescriptions = {"manifest.json",
                                                           "validation-report.json", "hashes.json"};

tl::unexpected<Error> refuse(std::string what) {
  return fail(ErrorKind::kInvalidRequest, std::move(what));
}

bool matches(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME) == 0;
}

std::vector<std::string> patterns_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty() && out.size() < kMostPatterns) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.ends_with('\r') || line.ends_with(' ') || line.ends_with('/')) line.pop_back();
    if (line.starts_with("./")) line.erase(0, 2);
    if (!line.empty() && line.front() != '#') out.push_back(std::move(line));
  }
  return out;
}

bool runs_from_dist(const App& app) {
  const auto within = [](const std::string& word) {
    return word.starts_with("dist/") || word.starts_with("./dist/");
  };
  return within(app.entrypoint) ||
         std::any_of(app.agents.begin(), app.agents.end(), [&](const Agent& agent) {
           return agent.exec &&
                  (within(agent.exec->working_dir + "/") ||
                   std::any_of(agent.exec->command.begin(), agent.exec->command.end(), within));
         });
}

bool is_private_key(std::string_view bytes) {
  const size_t mark = bytes.substr(0, 8'192).find("-----BEGIN ");
  if (mark == std::string_view::npos) return false;
  const std::string_view line = bytes.substr(mark, bytes.substr(mark).find('\n'));
  return line.find("PRIVATE KEY-----") != std::string_view::npos;
}

// What validating it says, in the same words wherever its folder is.
std::vector<std::string> warnings_of(const App& app) {
  const std::string folder = app.folder + "/";
  std::vector<std::string> out;
  for (const Finding& finding : load_app({folder + app.file, false}).findings) {
    std::string text = finding.text();
    for (size_t at = 0; (at = text.find(folder, at)) != std::string::npos;) {
      text.erase(at, folder.size());
    }
    out.push_back(std::move(text));
  }
  return out;
}

class Packer {
 public:
  Packer(const App& app, const AppFiles& files) : app_(app), files_(files) {}

  Result<BundleParts> run() {
    if (const auto ignored = files_.read(kIgnoreFile, kIgnoreBytes)) {
      patterns_ = patterns_of(ignored->bytes);
    }
    keep_dist_ = runs_from_dist(app_);
    for (const AppFile& file : app_.files) kinds_[file.path] = file.kind;
    if (auto wrong = look_at_assets()) return tl::unexpected(std::move(*wrong));
    describe();
    auto first = files_.read(app_.file, ArchiveLimits().file_bytes);
    if (!first) return refuse(app_.file + ": " + first.error().detail);
    parts_.phoenix_file = std::move(first->bytes);
    if (auto wrong = walk()) return tl::unexpected(std::move(*wrong));
    if (auto wrong = look_at_commands()) return tl::unexpected(std::move(*wrong));
    return std::move(parts_);
  }

 private:
  void describe() {
    parts_.info.name = app_.name;
    parts_.info.name_space = app_.ns;
    parts_.info.version = app_.release;
    parts_.language = app_.language;
    parts_.entrypoint = app_.entrypoint;
    parts_.strategy = app_.notes.strategy;
    parts_.audit_sink = app_.notes.audit_sink;
    if (app_.notes.minimum_trust) {
      parts_.minimum_trust = fmt::format("{}", *app_.notes.minimum_trust);
    }
    if (!app_.notes.target.empty()) parts_.target = app_.notes.target;
    parts_.outputs = app_.notes.outputs;
    parts_.warnings = warnings_of(app_);
  }

  // What the app itself names goes in, whatever it is called.
  bool left_out(const std::string& path, const std::string& name) const {
    if (kinds_.contains(path)) return false;
    if (name.front() == '.' || name == "__pycache__" || name.ends_with(".pflight") ||
        name.ends_with(".pflight.sig")) {
      return true;
    }
    if (path == name &&
        ((name == "dist" && !keep_dist_) || name == "PhoenixFile" ||
         std::find(kDescriptions.begin(), kDescriptions.end(), name) != kDescriptions.end())) {
      return true;
    }
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
      const bool of_path = pattern.find('/') != std::string::npos;
      return matches(pattern.front() == '/' ? pattern.substr(1) : pattern, of_path ? path : name);
    });
  }

  // Files that nothing of the app uses, but who gets the bundle: all that are missing are told.
  std::optional<Error> look_at_assets() {
    std::string missing;
    for (const BundleNotes::Asset& asset : app_.notes.assets) {
      const auto content = files_.read(asset.file, ArchiveLimits().file_bytes);
      if (content) {
        kinds_.try_emplace(content->path, "SemanticAsset");
        continue;
      }
      missing += fmt::format("{}{}: {} names \"{}\": {}; add the file, or take it off the list",
                             missing.empty() ? "" : "\n", asset.place.text(), asset.list,
                             asset.file, content.error().detail);
    }
    if (missing.empty()) return std::nullopt;
    return refuse(std::move(missing)).value();
  }

  std::optional<Error> walk() {
    std::error_code error;
    size_t entries = 0;
    const fs::path root(files_.root());
    for (fs::recursive_directory_iterator it(root, error), end; it != end; it.increment(error)) {
      if (error) break;
      if (++entries > kMostEntries) {
        return refuse(fmt::format("the folder {} holds more than {} files: name what is not the "
                                  "app's in {}",
                                  root.string(), kMostEntries, kIgnoreFile))
            .value();
      }
      const std::string path = it->path().lexically_relative(root).string();
      if (left_out(path, it->path().filename().string())) {
        if (it->is_directory(error)) it.disable_recursion_pending();
        continue;
      }
      if (!it->is_symlink(error) && it->is_directory(error)) continue;
      if (auto wrong = take(path, *it)) return wrong;
    }
    if (error) return refuse(fmt::format("{}: {}", root.string(), error.message())).value();
    // Of a folder that is left out, what the app names goes in all the same.
    for (const auto& [path, kind] : kinds_) {
      if (taken_.contains(path)) continue;
      if (auto wrong = take(path, fs::directory_entry(root / path, error))) return wrong;
    }
    return std::nullopt;
  }

  std::optional<Error> take(const std::string& path, const fs::directory_entry& entry) {
    taken_.insert(path);
    if (path == app_.file) return std::nullopt;  // it is the bundle's PhoenixFile
    if (entry.is_symlink() && entry.is_directory()) {
      return refuse(path + ": is a link to a folder, which a bundle cannot hold").value();
    }
    auto content = files_.read(path, ArchiveLimits().file_bytes);
    if (!content) return refuse(path + ": " + content.error().detail).value();
    if (is_private_key(content->bytes)) {
      return refuse(fmt::format("{}: holds a private key, and bundles are for others: keep it "
                                "elsewhere, or name it in {}",
                                path, kIgnoreFile))
          .value();
    }
    group_of(path).push_back({path, std::move(content->bytes)});
    return std::nullopt;
  }

  // A command that is a file of the bundle can be executed after unpacking only if it is a program.
  std::optional<Error> look_at_commands() {
    for (const Agent& agent : app_.agents) {
      if (!agent.exec) continue;
      const std::string& word = agent.exec->command.front();
      if (word.find('/') == std::string::npos || word.front() == '/') continue;
      const std::string& folder = agent.exec->working_dir;
      const auto path = AppFiles::within(folder.empty() ? word : folder + "/" + word);
      if (!path) continue;
      const auto& files = group_of(*path);
      const auto found = std::find_if(files.begin(), files.end(),
                                      [&](const ArchiveFile& file) { return file.path == *path; });
      if (found == files.end() || is_program(found->bytes)) continue;
      return refuse(fmt::format("{}: agent {} executes it, and it begins with no #!: nobody could "
                                "execute it after unpacking",
                                *path, agent.name))
          .value();
    }
    return std::nullopt;
  }

  std::vector<ArchiveFile>& group_of(const std::string& path) {
    const auto found = kinds_.find(path);
    const std::string kind = found == kinds_.end() ? "" : found->second;
    return kind == "Agent"             ? parts_.agents
           : kind == "FlightPacket"    ? parts_.packets
           : kind == "Policy"          ? parts_.policies
           : kind == "HandoffContract" ? parts_.contracts
                                       : parts_.others;
  }

  const App& app_;
  const AppFiles& files_;
  BundleParts parts_;
  std::vector<std::string> patterns_;
  bool keep_dist_ = false;
  std::map<std::string, std::string> kinds_;  // of what the app names
  std::set<std::string> taken_;
};

}  // namespace

Result<BundleParts> pack_app(const App& app) {
  const auto files = AppFiles::open(app.folder);
  if (!files) return refuse(app.folder + ": " + files.error().detail);
  return Packer(app, *files).run();
}

}  // namespace phoenix::manifest
