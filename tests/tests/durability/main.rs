//! What destinations survive: crashes, damage, full disks, single faults, other names.

mod crash;
mod damage;
mod destinations;
mod folders;
mod single_fault;
