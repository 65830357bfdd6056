// An immutable list of texts that many hold at once: copying it copies a pointer. Reads like a
// std::vector<std::string>, and turns into one where one is asked for.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace phoenix {

class Names {
 public:
  using List = std::vector<std::string>;

  Names() = default;
  Names(List list)  // NOLINT(google-explicit-constructor): it stands for the list
      : list_(list.empty() ? nullptr : std::make_shared<const List>(std::move(list))) {}
  Names(std::initializer_list<std::string> list) : Names(List(list)) {}

  const List& list() const {
    static const List kNone;
    return list_ ? *list_ : kNone;
  }
  operator const List&() const { return list(); }  // NOLINT(google-explicit-constructor)
  const std::string* data() const { return list().data(); }
  const std::string* begin() const { return data(); }
  const std::string* end() const { return data() + size(); }
  size_t size() const { return list_ ? list_->size() : 0; }
  bool empty() const { return !list_; }
  const std::string& operator[](size_t i) const { return list()[i]; }

  friend bool operator==(const Names& a, const Names& b) {
    return a.list_ == b.list_ || a.list() == b.list();
  }

 private:
  std::shared_ptr<const List> list_;  // null: empty
};

}  // namespace phoenix
