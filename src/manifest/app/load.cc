#include "manifest/app/load.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/closest.h"
#include "manifest/app/app_files.h"
#include "manifest/app/decode.h"
#include "manifest/app/never_works.h"
#include "manifest/kinds/check.h"
#include "manifest/kinds/fields.h"
#include "manifest/policies/cases.h"
#include "manifest/policies/denied.h"
#include "manifest/policies/policies.h"
#include "manifest/yaml/merge_keys.h"
#include "manifest/yaml/reader.h"

namespace phoenix::manifest {
namespace {

constexpr size_t kFileBytes = 8 * 1024 * 1024;
constexpr size_t kFiles = 20'000;

std::string without_folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// How people name a file of the app: as they would from where they are.
std::string shown_path(const std::string& folder, const std::string& path) {
  return folder.empty() || folder == "." ? path
         : folder.ends_with('/')         ? folder + path
                                         : folder + "/" + path;
}

class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options) {}

  Loaded run() {
    if (open_folder()) {
      read_file(first_, nullptr, "", "");
      for (const Todo& todo : take_todo()) read_reference(todo);
      if (options_.tests) read_tests();
      finish();
    }
    return result();
  }

  Loaded run_text(std::string_view text) {
    first_ = options_.path;
    out_.app.file = first_;
    read_documents(text, first_, "", nullptr);
    for (const Todo& todo : take_todo()) {
      error(todo.place, todo.field, fmt::format("\"{}\"", todo.path),
            "is a file, which documents that stand in none cannot refer to");
    }
    finish();
    return result();
  }

 private:
  Loaded result() {
    sort_findings(out_.findings);
    if (options_.strict) {
      for (Finding& finding : out_.findings) finding.weight = Finding::Weight::kError;
    }
    return std::move(out_);
  }

  struct Document {
    Node root;
    std::string kind;
    ApiVersion version = ApiVersion::kV1;
    std::string file;
  };
  struct Todo {
    Place place;        // of the reference
    std::string field;  // "dataPlane.agents[0]"
    std::string path;
    std::string kind;
  };

  void error(Place place, std::string path, std::string value, std::string detail) {
    out_.findings.push_back({Finding::Weight::kError, std::move(place), std::move(path),
                             std::move(value), std::move(detail)});
  }

  // The folder of the app, and its first file.
  bool open_folder() {
    struct stat found = {};
    const bool folder = stat(options_.path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
    if (folder) {
      folder_ = options_.path;
      first_ = "PhoenixFile";
    } else {
      first_ = without_folder(options_.path);
      folder_ = options_.path.substr(0, options_.path.size() - first_.size());
    }
    const std::string name = shown_path(folder_, first_);
    auto files = AppFiles::open(folder_);
    if (!files) {
      error({std::make_shared<const std::string>(name), 0, 0}, "", "", files.error().detail);
      return false;
    }
    files_ = std::move(*files);
    out_.app.folder = files_->root();
    out_.app.file = first_;
    return true;
  }

  std::vector<Todo> take_todo() { return std::exchange(todo_, {}); }

  void read_reference(const Todo& todo) {
    const auto name = AppFiles::within(todo.path);
    const auto before = name ? read_.find(*name) : read_.end();
    if (before != read_.end()) {
      if (before->second.empty()) {
        error(todo.place, todo.field, fmt::format("\"{}\"", todo.path),
              "is the file that refers to it; what it declares counts without that");
        return;
      }
      // In a list of another kind, its kind is what is wrong with it there.
      if (before->second != todo.kind) return;
      error(todo.place, todo.field, fmt::format("\"{}\"", todo.path),
            "is referred to a second time; name it once");
      return;
    }
    read_file(todo.path, &todo.place, todo.field, todo.kind);
  }

  // In the order of their names, whatever order the folder has.
  void read_tests() {
    std::set<std::string> folders;
    for (const Document& document : documents_) {
      if (document.kind != "Policy" && document.kind != "PolicyRules") continue;
      folders.insert(document.file.substr(0, document.file.rfind('/') + 1));
    }
    std::set<std::string> tests;
    for (const std::string& folder : folders) {
      for (const std::string& name : files_->list(folder)) {
        if (name.ends_with(".test.yaml") || name.ends_with(".test.yml"))
          tests.insert(folder + name);
      }
    }
    for (const std::string& test : tests) {
      if (!read_.contains(test)) read_file(test, nullptr, "", "PolicyTest");
    }
  }

  // `from`: the place of the reference; null for a file that nothing refers to.
  void read_file(const std::string& path, const Place* from, const std::string& field,
                 const std::string& kind) {
    auto content = files_->read(path, kFileBytes);
    if (!content) {
      const Place here =
          from != nullptr
              ? *from
              : Place{std::make_shared<const std::string>(shown_path(folder_, path)), 0, 0};
      error(here, field, from != nullptr ? fmt::format("\"{}\"", path) : "",
            content.error().detail);
      return;
    }
    const std::string name = AppFiles::within(path).value_or(path);
    out_.app.files.push_back({name, kind});
    read_documents(content->bytes, name, kind, from);
  }

  // `path`: within the folder.
  void read_documents(std::string_view text, const std::string& path, const std::string& kind,
                      const Place* from) {
    read_.emplace(path, kind);
    YamlFile file = read_yaml(text, shown_path(folder_, path));
    const bool broken = !file.findings.empty();
    for (Finding& finding : file.findings) out_.findings.push_back(std::move(finding));
    size_t documents = 0;
    for (Node& root : file.documents) {
      if (root.is_null() && file.documents.size() > 1) continue;  // "---" at the end
      ++documents;
      take_document(std::move(root), path, kind, from);
    }
    if (documents == 0 && !broken) {
      error({std::make_shared<const std::string>(shown_path(folder_, path)), 1, 1}, "", "",
            "is empty");
    }
  }

  void take_document(Node root, const std::string& file, const std::string& wanted,
                     const Place* from) {
    Document document;
    document.file = file;
    if (!identify(root, wanted, from, &document)) return;
    if (document.version == ApiVersion::kAlpha) merge_keys(&root, &out_.findings);
    check(root, *find_kind(document.kind), document.version, &out_.findings);
    if (document.kind == "PhoenixApp") {
      if (out_.app.declared) {
        return error(root.place, "", "", "is a second PhoenixApp; an app has one");
      }
      decode_app(root, document.version, &out_.app, &out_.findings);
      for (const Reference& reference : references(root, document.version)) {
        if (todo_.size() >= kFiles) break;
        todo_.push_back(
            {reference.node->place, reference.path, reference.node->text, reference.kind});
      }
    }
    document.root = std::move(root);
    documents_.push_back(std::move(document));
  }

  // Kind and version of a document; false (and a finding) where there is no telling.
  bool identify(const Node& root, const std::string& wanted, const Place* from, Document* out) {
    if (!root.is_map()) {
      error(root.place, "", shown(root), "is no document: a mapping with apiVersion and kind");
      return false;
    }
    const Node* kind = root.find("kind");
    if (kind == nullptr && root.find("rules") != nullptr && root.find("name") != nullptr) {
      out->kind = "PolicyRules";
      out->version = ApiVersion::kAlpha;
    } else if (!identify_kind(root, kind, out) || !identify_version(root, out)) {
      return false;
    }
    const bool policy = out->kind == "Policy" || out->kind == "PolicyRules";
    const std::string is = policy ? "Policy" : out->kind;
    if (!wanted.empty() && is != wanted) {
      const Place& place = kind == nullptr ? root.place : kind->place;
      // The original looks into no file that an app names; here it counts as what it is.
      const bool harmless = out->version == ApiVersion::kAlpha;
      out_.findings.push_back(
          {harmless ? Finding::Weight::kWarning : Finding::Weight::kError, place, "kind", is,
           from == nullptr ? "stands in a file of policy tests"
                           : fmt::format("stands where the app, at {}, names a file of kind {}",
                                         from->text(), wanted)});
      return harmless;
    }
    return true;
  }

  bool identify_kind(const Node& root, const Node* kind, Document* out) {
    std::vector<std::string> known;
    for (const KindTable& table : all_kinds()) {
      if (table.kind != "PolicyRules") known.push_back(table.kind);
    }
    const std::string all = fmt::format("{}", fmt::join(known, ", "));
    if (kind == nullptr) {
      error(root.place, "", "", "lacks \"kind\": one of " + all);
      return false;
    }
    const bool good =
        kind->is_scalar() && std::find(known.begin(), known.end(), kind->text) != known.end();
    if (!good) {
      const std::string near = kind->is_scalar() ? closest(kind->text, known) : "";
      error(kind->place, "kind", shown(*kind),
            near.empty() ? "is not one of " + all
                         : fmt::format("is no kind, did you mean {}?", near));
      return false;
    }
    out->kind = kind->text;
    return true;
  }

  bool identify_version(const Node& root, Document* out) {
    const Node* version = root.find("apiVersion");
    if (version == nullptr) {
      error(root.place, "", "", fmt::format("lacks \"apiVersion\": {} or {}", kV1Text, kAlphaText));
      return false;
    }
    if (version->is_scalar() && version->text == kAlphaText) {
      out->version = ApiVersion::kAlpha;
    } else if (version->is_scalar() && version->text == kV1Text) {
      out->version = ApiVersion::kV1;
    } else {
      error(version->place, "apiVersion", shown(*version),
            fmt::format("is not {} or {}", kV1Text, kAlphaText));
      return false;
    }
    return true;
  }

  void finish() {
    App& app = out_.app;
    Findings* findings = &out_.findings;
    if (!app.declared && first_ == "PhoenixFile" && findings->empty()) {
      error({std::make_shared<const std::string>(shown_path(folder_, first_)), 1, 1}, "", "",
            "declares no PhoenixApp");
    }
    // A name that is a placeholder still: the folder's is what its user thinks of it as.
    if (app.declared && app.name.empty()) app.name = name_from(app.folder);
    for (const Document& document : documents_) {
      const Header header{document.version, app.declared && app.enforce, app.ns, options_.now_ms};
      if (document.kind == "Agent") {
        app.agents.push_back(decode_agent(document.root, header, findings));
      } else if (document.kind == "FlightPacket") {
        app.packets.push_back(decode_packet(document.root, header, findings));
      } else if (document.kind == "HandoffContract") {
        app.contracts.push_back(decode_contract(document.root, header, findings));
      } else if (document.kind == "PolicyTest") {
        app.tests.push_back(decode_test(document.root, document.version));
      } else if (document.kind != "PhoenixApp") {
        app.policies.push_back(decode_policy(document.root, document.version,
                                             document.kind == "PolicyRules", document.file,
                                             findings));
      }
    }
    const bool whole = is_whole("Agent");
    const bool shut = find_what_never_works(app, whole, findings);
    const auto policies = compile_policies(app, findings);
    if (policies == nullptr) return;
    if (whole && !shut && is_whole("Policy")) find_who_is_denied(app, *policies, findings);
    if (tested_is_whole()) policy_cases(app, *policies, findings);
  }

  // Whether all but tests was understood: else a case could ask for what is broken itself.
  bool tested_is_whole() const {
    return std::all_of(out_.findings.begin(), out_.findings.end(), [this](const Finding& finding) {
      if (!finding.is_error()) return true;
      return std::any_of(read_.begin(), read_.end(), [&](const auto& read) {
        return read.second == "PolicyTest" &&
               *finding.place.file == shown_path(folder_, read.first);
      });
    });
  }

  // Whether all that is said of that kind was understood. Else a packet that no agent may take
  // could be the fault of a file that was told of already.
  bool is_whole(const std::string& of_kind) const {
    for (const Finding& finding : out_.findings) {
      if (!finding.is_error()) continue;
      const std::string& file = *finding.place.file;
      if (file == shown_path(folder_, first_)) return false;
      for (const auto& [read, kind] : read_) {
        if (kind == of_kind && file == shown_path(folder_, read)) return false;
      }
    }
    return true;
  }

  const LoadOptions& options_;
  Loaded out_;
  std::string folder_;
  std::string first_;
  std::optional<AppFiles> files_;
  std::vector<Todo> todo_;
  std::map<std::string, std::string> read_;  // file -> the kind that was wanted of it
  std::vector<Document> documents_;
};

}  // namespace

Loaded load_app(const LoadOptions& options) { return Loader(options).run(); }

Loaded load_text(std::string_view text, const std::string& name, bool strict) {
  const LoadOptions options{name, strict};
  return Loader(options).run_text(text);
}

}  // namespace phoenix::manifest
