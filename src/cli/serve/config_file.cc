#include "cli/serve/config_file.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/closest.h"
#include "cli/context.h"

namespace phoenix::cli {
namespace {

bool repeatable(const Flag& flag) { return flag.value.find("…") != std::string::npos; }

// Collects entries and complaints; what lies below a refused value is skipped whole.
class Handler : public YAML::EventHandler {
 public:
  Handler(const std::string& name, const std::vector<Flag>& flags) : name_(name), flags_(flags) {}

  std::vector<ConfigEntry> entries;
  std::vector<std::string> complaints;

  void complain(const YAML::Mark& mark, const std::string& text) {
    complaints.push_back(fmt::format("{}: {}", place(mark), text));
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (skipped_ > 0) return;
    if (depth_ == 0) return complain(mark, "expected a mapping, like \"listen: 127.0.0.1:7400\"");
    // The parser places what is absent at the next token; the key is where one would look.
    if (flag_ != nullptr) complain(key_mark_, config_key(flag_->name) + " has no value");
    end_value();
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    if (skipped_ > 0) return;
    complain(mark, "anchors and aliases are not allowed");
    end_value();
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (skipped_ > 0) return;
    if (depth_ == 0) return complain(mark, "expected a mapping, like \"listen: 127.0.0.1:7400\"");
    if (anchor != 0) complain(mark, "anchors and aliases are not allowed");
    if (!tag.empty() && tag != "?" && tag != "!") complain(mark, "tags are not allowed");
    if (!in_value_) return take_key(mark, value);
    if (flag_ != nullptr) take_value(mark, value);
    if (!in_list_) end_value();
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    if (skipped_ > 0 || depth_ == 0 || !in_value_ || in_list_) return refuse(mark);
    if (flag_ != nullptr && !repeatable(*flag_)) {
      complain(mark, config_key(flag_->name) + " takes one value, no list");
      flag_ = nullptr;
    }
    in_list_ = true;
  }
  void OnSequenceEnd() override {
    if (skipped_ > 0) return leave();
    in_list_ = false;
    end_value();
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    if (skipped_ == 0 && depth_ == 0) {
      depth_ = 1;
      return;
    }
    refuse(mark);
  }
  void OnMapEnd() override {
    if (skipped_ > 0) return leave();
    depth_ = 0;
  }

 private:
  std::string place(const YAML::Mark& mark) const {
    return fmt::format("{}:{}:{}", name_, mark.line + 1, mark.column + 1);
  }
  void refuse(const YAML::Mark& mark) {
    if (skipped_++ == 0) complain(mark, "expected one \"key: value\" a line, nothing nested");
  }
  void leave() {
    if (--skipped_ == 0 && depth_ > 0 && !in_list_) in_value_ = !in_value_;
  }
  void end_value() {
    if (!in_list_) in_value_ = false;
  }
  void take_key(const YAML::Mark& mark, const std::string& key) {
    in_value_ = true;
    key_mark_ = mark;
    flag_ = nullptr;
    std::vector<std::string> known;
    for (const Flag& flag : flags_) {
      known.push_back(config_key(flag.name));
      if (known.back() == key) flag_ = &flag;
    }
    if (flag_ == nullptr) {
      const std::string near = closest(key, known);
      return complain(mark, fmt::format("unknown key \"{}\"{}", key,
                                        near.empty() ? "" : ", did you mean " + near + "?"));
    }
    if (!seen_.insert(key).second) {
      complain(mark, fmt::format("key \"{}\" stands twice", key));
      flag_ = nullptr;
    }
  }
  void take_value(const YAML::Mark& mark, const std::string& value) {
    if (!flag_->value.empty()) {
      entries.push_back({flag_->name, value, place(mark)});
    } else if (value == "true") {
      entries.push_back({flag_->name, "", place(mark)});
    } else if (value != "false") {
      complain(mark,
               fmt::format("{}: \"{}\" is neither true nor false", config_key(flag_->name), value));
    }
  }

  const std::string& name_;
  const std::vector<Flag>& flags_;
  std::set<std::string> seen_;
  const Flag* flag_ = nullptr;  // whose value comes; null after a refused key
  YAML::Mark key_mark_;
  int depth_ = 0;    // 1 within the one mapping
  int skipped_ = 0;  // how deep within what was refused
  bool in_value_ = false;
  bool in_list_ = false;
};

}  // namespace

std::string config_key(std::string_view flag) {
  std::string key;
  bool upper = false;
  for (char c : flag.substr(2)) {
    if (c == '-') {
      upper = true;
    } else {
      key.push_back(std::exchange(upper, false) ? static_cast<char>(c - 32) : c);
    }
  }
  return key;
}

Outcome<std::vector<ConfigEntry>> read_config(std::string_view text, const std::string& name,
                                              const std::vector<Flag>& flags) {
  Handler handler(name, flags);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(handler);
    if (handler.complaints.empty() && parser) {
      Handler second(name, flags);
      if (parser.HandleNextDocument(second)) {
        handler.complaints.push_back(name + ": holds more than one document");
      }
    }
  } catch (const YAML::Exception& error) {
    const std::string what = error.msg.empty() ? "not valid YAML" : error.msg;
    handler.complaints.push_back(
        fmt::format("{}:{}:{}: {}", name, error.mark.line + 1, error.mark.column + 1, what));
  }
  if (handler.complaints.empty()) return handler.entries;
  return tl::unexpected(wrong_use("cannot read --config",
                                  fmt::format("{}", fmt::join(handler.complaints, "\n")),
                                  "see the keys: phoenix serve --help"));
}

}  // namespace phoenix::cli
