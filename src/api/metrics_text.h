// Writes the Prometheus text format 0.0.4.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/json/json_writer.h"

namespace phoenix {

class MetricsText {
 public:
  // The samples that follow belong to it. `name` must outlive them.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(1, ' ').append(help).append("\n# TYPE ");
    text_.append(name).append(1, ' ').append(type).append(1, '\n');
  }
  template <class Number>
  void sample(Number value, std::string_view labels = {}, std::string_view suffix = {}) {
    text_.append(name_).append(suffix);
    if (!labels.empty()) text_.append(1, '{').append(labels).append(1, '}');
    text_ += ' ';
    if constexpr (std::is_floating_point_v<Number>) {
      json::Writer(text_).real(value);
    } else {
      json::append_integer(text_, value);
    }
    text_ += '\n';
  }
  // A family of one sample.
  template <class Number>
  void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
    family(name, type, help);
    sample(value);
  }
  std::string take() { return std::move(text_); }

  // `name="value"`; for values without quotes.
  static std::string label(std::string_view name, std::string_view value) {
    return std::string(name) + "=\"" + std::string(value) + "\"";
  }

 private:
  std::string text_;
  std::string_view name_;
};

}  // namespace phoenix
