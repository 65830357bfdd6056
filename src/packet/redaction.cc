#include "packet/redaction.h"

#include <utility>

#include "base/json/json.h"

namespace phoenix {
namespace {

using Rests = std::vector<std::string_view>;  // of paths, behind the keys that lead here

// Finds the values to be replaced, in the order of the text.
class Finder {
 public:
  explicit Finder(const json::Document& document) { start_ = document.root().raw().data(); }

  // The depth of a document is bounded (json::kMaxDepth).
  void find(const json::Value& value, const Rests& rests) {
    if (value.kind() == json::Kind::kArray) {
      for (auto items = value.children(); !items.done();) find(items.take(), rests);
    } else if (value.kind() == json::Kind::kObject) {
      for (auto members = value.children(); !members.done();) {
        const std::string key = members.take().string();
        member(key, members.take(), rests);
      }
    }
  }
  // Offset and length of each, from the first byte of the root.
  const std::vector<std::pair<size_t, size_t>>& found() const { return found_; }

 private:
  void member(std::string_view key, const json::Value& value, const Rests& rests) {
    Rests deeper;
    for (const std::string_view rest : rests) {
      const size_t dot = rest.find('.');
      if (rest.substr(0, dot) != key) continue;
      if (dot == rest.npos) {
        const std::string_view raw = value.raw();
        found_.emplace_back(static_cast<size_t>(raw.data() - start_), raw.size());
        return;
      }
      deeper.push_back(rest.substr(dot + 1));
    }
    if (!deeper.empty()) find(value, deeper);
  }

  const char* start_;
  std::vector<std::pair<size_t, size_t>> found_;
};

}  // namespace

std::string redacted_json(std::string_view text, const std::vector<std::string>& paths) {
  const auto document = json::Document::parse(text);
  if (!document) return {};
  Finder finder(*document);
  finder.find(document->root(), Rests(paths.begin(), paths.end()));
  const std::string_view root = document->root().raw();
  std::string out;
  out.reserve(root.size());
  size_t at = 0;
  for (const auto& [begin, size] : finder.found()) {
    out.append(root.substr(at, begin - at)).append("\"").append(kRedacted).append("\"");
    at = begin + size;
  }
  return out.append(root.substr(at));
}

std::shared_ptr<const Content> redacted_content(const std::shared_ptr<const Content>& content,
                                                const std::vector<std::string>& paths) {
  if (!content || paths.empty()) return content;
  if (!content->is_json) return nullptr;
  std::string text = redacted_json(content->data, paths);
  if (text.empty()) return nullptr;
  if (text == content->data) return content;
  auto shown = std::make_shared<Content>(*content);
  shown->data = std::move(text);
  return shown;
}

}  // namespace phoenix
