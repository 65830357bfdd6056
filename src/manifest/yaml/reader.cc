#include "manifest/yaml/reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <limits>
#include <map>
#include <optional>
#include <sstream>

#include "manifest/yaml/source_lines.h"
#include "manifest/yaml/syntax_hints.h"
#include "manifest/yaml/text_check.h"

namespace phoenix::manifest {
namespace {

constexpr int kWholeText = std::numeric_limits<int>::max();
// Each costs a walk over the text.
constexpr int kDashesSought = 100;
constexpr std::string_view kTextTag = "tag:yaml.org,2002:str";

// Collects the tree of each document from the parser's events. What lies below a refused value is
// read and dropped, so that one fault is told once.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, std::shared_ptr<const std::string> file, const YamlBounds& bounds,
          YamlFile* out)
      : text_(text), source_(text), file_(std::move(file)), bounds_(bounds), out_(out) {}

  void OnDocumentStart(const YAML::Mark&) override {
    stack_.clear();
    anchors_.clear();
    root_.reset();
    dropped_ = 0;
    broken_ = false;
  }

  void OnDocumentEnd() override {
    if (root_ && !broken_) out_->documents.push_back(std::move(*root_));
    root_.reset();
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (dropped_ > 0) return;
    Node node = scalar(mark, "");
    // The parser places what is absent at the next token; its key or dash is where one would look.
    if (const Level* level = in_value()) {
      node.place = level->node.keys.back().place;
    } else if (!stack_.empty() && stack_.back().node.is_list() && dashes_sought_ < kDashesSought) {
      ++dashes_sought_;
      if (const auto dash = find_lone_dash(text_, node.place.line)) {
        node.place.line = dash->line;
        node.place.column = dash->column;
      }
    }
    take(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (dropped_ > 0) return;
    check_tag(mark, tag, value.empty());
    Node node = scalar(mark, value);
    node.plain = tag.empty() || tag == "?";
    node.lines = source_.lines_of(node);
    // So that a tag that was meant as text is not told of as missing text too.
    if (is_local(tag) && value.empty()) node.text = tag;
    take(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (dropped_ > 0) return;
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      complain(mark, "is an alias of what it is part of itself, or of what was refused");
      return take(scalar(mark, ""), 0);
    }
    copied_ += known->second.size;
    if (copied_ > bounds_.copied) {
      if (copied_ - known->second.size <= bounds_.copied) {
        complain(mark,
                 fmt::format("aliases unfold to more than {} values in this file", bounds_.copied));
      }
      broken_ = true;
      return take(scalar(mark, ""), 0);
    }
    nodes_ += known->second.size;
    Node copy = known->second.node;
    copy.place = place(mark);
    take(std::move(copy), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  // Whether a bound was passed behind which nothing is kept any more.
  bool full() const { return nodes_ > bounds_.nodes; }

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor = 0;
    size_t first_node = 0;                    // how many there were before it
    bool key_is_next = true;                  // of a map
    bool value_is_dropped = false;            // of a map: its key was refused
    std::map<std::string, int> lines_of_key;  // of a map: the keys so far
  };
  struct Anchored {
    Node node;
    size_t size = 0;  // nodes
  };

  Place place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  Node scalar(const YAML::Mark& mark, const std::string& text) {
    ++nodes_;
    Node node;
    node.place = place(mark);
    node.text = text;
    return node;
  }

  // The level that waits for the value of a key; null if what comes is something else.
  Level* in_value() {
    const bool map = !stack_.empty() && stack_.back().node.is_map();
    return map && !stack_.back().key_is_next && !stack_.back().value_is_dropped ? &stack_.back()
                                                                                : nullptr;
  }

  void complain(const YAML::Mark& mark, std::string detail) {
    complain(place(mark), "", std::move(detail));
  }
  void complain(const Place& where, std::string value, std::string detail) {
    if (out_->findings.size() == bounds_.findings) return;
    out_->findings.push_back(
        {Finding::Weight::kError, where, path(), std::move(value), std::move(detail)});
  }

  // Of what is read now.
  std::string path() const {
    std::string out;
    for (const Level& level : stack_) {
      if (level.node.is_list()) {
        out += fmt::format("[{}]", level.node.items.size());
      } else if (!level.key_is_next && !level.value_is_dropped) {
        out += (out.empty() ? "" : ".") + level.node.keys.back().text;
      }
    }
    return out;
  }

  static bool is_local(const std::string& tag) { return tag.size() > 1 && tag[0] == '!'; }

  void check_tag(const YAML::Mark& mark, const std::string& tag, bool alone = false) {
    if (tag.empty() || tag == "?" || tag == "!" || tag == kTextTag) return;
    if (is_local(tag) && alone) {
      return complain(mark, fmt::format("begins with a !, which YAML takes for a tag ({}): put "
                                        "quotes around a value that begins so",
                                        tag));
    }
    complain(mark, fmt::format("the tag {} is not allowed: write the value without it", tag));
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    if (dropped_ > 0) {
      ++dropped_;
      return;
    }
    if (tag != "?") check_tag(mark, tag);
    if (!stack_.empty() && stack_.back().node.is_map() && stack_.back().key_is_next) {
      return refuse_key(mark);
    }
    if (static_cast<int>(stack_.size()) >= bounds_.depth) {
      complain(mark, fmt::format("stands more than {} levels deep", bounds_.depth));
      broken_ = true;
      dropped_ = 1;
      drop_into_value_ = false;
      return;
    }
    Level level;
    level.first_node = nodes_++;
    level.node.kind = kind;
    level.node.place = place(mark);
    level.anchor = anchor;
    stack_.push_back(std::move(level));
  }

  // "{{NAME}}" reads as a mapping with a mapping as its key.
  void refuse_key(const YAML::Mark& mark) {
    complain(mark,
             "is a mapping or list as a key; a placeholder like {{NAME}} that nobody filled in?");
    dropped_ = 1;
    drop_into_value_ = true;
  }

  void close() {
    if (dropped_ > 0) {
      if (--dropped_ > 0) return;
      if (drop_into_value_) {
        stack_.back().key_is_next = false;
        stack_.back().value_is_dropped = true;
        return;
      }
      Node nothing;
      nothing.place = stack_.empty() ? Place{file_, 1, 1} : stack_.back().node.place;
      return take(std::move(nothing), 0);
    }
    Level level = std::move(stack_.back());
    stack_.pop_back();
    const size_t size = nodes_ - level.first_node;
    take(std::move(level.node), level.anchor, size);
  }

  void take(Node node, YAML::anchor_t anchor, size_t size = 1) {
    if (anchor != 0) keep(anchor, node, size);
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = stack_.back();
    if (level.node.is_list()) {
      if (!full()) level.node.items.push_back(std::move(node));
    } else if (level.key_is_next) {
      take_key(level, std::move(node));
    } else {
      if (!level.value_is_dropped) level.node.items.push_back(std::move(node));
      level.value_is_dropped = false;
      level.key_is_next = true;
    }
  }

  // For aliases to come. Anchors within anchors keep the same values once for each.
  void keep(YAML::anchor_t anchor, const Node& node, size_t size) {
    kept_ += size;
    if (kept_ <= bounds_.nodes) {
      anchors_[anchor] = {node, size};
      return;
    }
    if (kept_ - size <= bounds_.nodes) {
      complain(node.place, "",
               fmt::format("anchors within anchors hold more than {} values in this file",
                           bounds_.nodes));
    }
    broken_ = true;
  }

  void take_key(Level& level, Node key) {
    if (!key.is_scalar()) {
      complain(key.place, "", "is an alias of a list or mapping as a key");
      level.key_is_next = false;
      level.value_is_dropped = true;
      return;
    }
    const auto [before, fresh] = level.lines_of_key.emplace(key.text, key.place.line);
    if (!fresh) {
      complain(key.place, "",
               fmt::format("the key \"{}\" stands twice, first in line {}: keep one of them",
                           key.text, before->second));
    }
    level.key_is_next = false;
    level.value_is_dropped = !fresh || full();
    if (!level.value_is_dropped) level.node.keys.push_back(std::move(key));
  }

  std::string_view text_;
  SourceLines source_;
  std::shared_ptr<const std::string> file_;
  const YamlBounds& bounds_;
  YamlFile* out_;
  std::vector<Level> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::optional<Node> root_;
  size_t nodes_ = 0;
  int dashes_sought_ = 0;
  size_t copied_ = 0;
  size_t kept_ = 0;               // for anchors
  int dropped_ = 0;               // how deep within what was refused
  bool drop_into_value_ = false;  // what was refused is a key
  bool broken_ = false;           // the document has a bound against it
};

// The parser's own words for the faults that people make most.
std::string syntax_detail(const YAML::Exception& error) {
  const std::string& what = error.msg;
  if (what.find("illegal map value") != std::string::npos) {
    return "a \": \" within a value, or a key that is not indented like its neighbours; put "
           "quotes around a value that holds \": \"";
  }
  if (what.find("end of map not found") != std::string::npos) {
    return "is indented unlike the keys of its mapping, or is no \"key: value\"";
  }
  if (what.find("end of sequence not found") != std::string::npos) {
    return "is indented unlike the items of its list, or lacks its \"- \"";
  }
  if (what.find("illegal flow end") != std::string::npos) {
    return "closes a [ or { that was never opened; remove it, or put quotes around the value";
  }
  if (what.find("unknown escape character") != std::string::npos) {
    return "no such escape in a text in double quotes; write two backslashes, or single quotes "
           "around the text";
  }
  return what.empty() ? "is not valid YAML" : "is not valid YAML: " + what;
}

}  // namespace

YamlFile read_yaml(std::string_view text, const std::string& name, const YamlBounds& bounds) {
  const auto file = std::make_shared<const std::string>(name);
  YamlFile out;
  if (text.size() > bounds.bytes) {
    out.findings.push_back(
        {Finding::Weight::kError,
         {file, 0, 0},
         "",
         "",
         fmt::format("has {} bytes; at most {} are read", text.size(), bounds.bytes)});
    return out;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  out.findings = check_text(text, file, bounds.depth);
  if (!out.findings.empty()) return out;
  const auto syntax = [&](int line, int column, std::string detail) {
    out.findings.push_back(
        {Finding::Weight::kError, {file, line, column}, "", "", std::move(detail)});
  };
  if (const auto hint = find_open_quote(text)) {
    syntax(hint->line, hint->column, hint->detail);
    return out;
  }
  std::istringstream stream{std::string(text)};
  Builder builder(text, file, bounds, &out);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
      if (builder.full()) {
        syntax(1, 1, fmt::format("holds more than {} values", bounds.nodes));
        out.documents.clear();
        break;
      }
      if (out.documents.size() > bounds.documents) {
        syntax(1, 1, fmt::format("holds more than {} documents", bounds.documents));
        break;
      }
    }
  } catch (const YAML::Exception& error) {
    const bool unclosed = error.msg.find("flow not found") != std::string::npos;
    auto hint = find_cause(text, unclosed ? kWholeText : error.mark.line + 1);
    if (!hint) hint = find_value_that_goes_on(text, error.mark.line + 1, error.mark.column + 1);
    if (hint) {
      // What was found behind the fault comes of it.
      std::erase_if(out.findings, [&](const Finding& finding) {
        return std::pair(finding.place.line, finding.place.column) >=
               std::pair(hint->line, hint->column);
      });
      syntax(hint->line, hint->column, hint->detail);
    } else {
      syntax(error.mark.line + 1, error.mark.column + 1, syntax_detail(error));
    }
  } catch (const std::exception& error) {
    syntax(1, 1, std::string("is not valid YAML: ") + error.what());
  }
  return out;
}

}  // namespace phoenix::manifest
