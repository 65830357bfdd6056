// Something that most of its owners do not have: absent it takes a pointer, and reads as one that
// was just made.
#pragma once

#include <memory>

namespace phoenix {

template <class T>
class Rare {
 public:
  const T& operator*() const { return there_ ? *there_ : nothing(); }
  const T* operator->() const { return &**this; }
  // To change it. Null: there is nothing that could be changed.
  T* get() { return there_.get(); }
  T& make() {
    if (!there_) there_ = std::make_unique<T>();
    return *there_;
  }
  void reset() { there_.reset(); }

 private:
  static const T& nothing() {
    static const T none{};
    return none;
  }
  std::unique_ptr<T> there_;
};

}  // namespace phoenix
